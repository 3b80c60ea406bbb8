import { describe, expect, it } from "vitest";

import type { PastSession } from "../helper/types";
import { ENGLISH, GERMAN } from "./examples";
import { pastView } from "./past";

const PAST: PastSession = {
  id: "1",
  name: "Work",
  startCause: { user: { uid: 1000 } },
  startedAt: "2026-03-01T10:00:00Z",
  connectedAt: "2026-03-01T10:00:05Z",
  endedAt: "2026-03-01T12:05:05Z",
  stopReason: "userInitiated",
  providerRestarts: 0,
};

describe("a past session", () => {
  it("says how it began, how it ended and how long it lasted", () => {
    const view = { isFailure: false, beginning: "Connected by hand", end: "Ended by hand", duration: "2 h 5 min" };
    expect(pastView(PAST, ENGLISH)).toEqual(view);
    const byRule = { ...PAST, startCause: { onDemand: { rule: 1, reason: "rule 2 matched Wi-Fi Café" } } };
    expect(pastView(byRule, ENGLISH).beginning).toBe("Connected by itself: rule 2 matched Wi-Fi Café");
    expect(pastView(byRule, GERMAN).beginning).toBe("Von selbst verbunden, nach Regel 2");
  });

  it("says what failed", () => {
    const lastError = { domain: "NEVPNConnectionErrorDomain", code: 7, message: "The server has stopped answering." };
    const failed = pastView({ ...PAST, lastError, stopReason: "connectionFailed" }, GERMAN);
    expect(failed).toMatchObject({ isFailure: true, end: "Der Server antwortet nicht mehr." });
  });

  it("says no more than is known", () => {
    const { connectedAt: _connected, ...never } = PAST;
    expect(pastView(never, ENGLISH)).toEqual({ isFailure: false, beginning: "Did not connect", end: "Ended by hand" });
    const { endedAt: _ended, ...unseen } = PAST;
    expect(pastView(unseen, ENGLISH)).toMatchObject({ end: "The end was not seen" });
    expect(pastView(unseen, ENGLISH).duration).toBeUndefined();
  });
});
