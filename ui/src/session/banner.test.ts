import { describe, expect, it } from "vitest";

import type { DisconnectError } from "../helper/types";
import { banner } from "./banner";
import { ENGLISH, example, problem } from "./examples";

const OPEN = { blocking: false };

describe("the banner", () => {
  it("is absent while there is nothing to do", () => {
    for (const status of ["disconnected", "connecting", "connected", "reasserting", "disconnecting"] as const)
      expect(banner(example({ session: { status } }), OPEN, ENGLISH)).toBeUndefined();
  });

  it("offers to try again and to open the network while that is blocked", () => {
    const blocked = example({ session: { blocking: true, lastError: failure(12) } });
    expect(banner(blocked, OPEN, ENGLISH)).toMatchObject({ primary: { does: "start" }, wayOut: { does: "stop", label: "Open the network" } });
    const locked = { blocking: true, lockdown: { allowLocalNetworks: true, setBy: 1000 } };
    expect(banner(blocked, locked, ENGLISH)?.wayOut?.label).toBe("Give up");
  });

  it("leads to where a failure is mended", () => {
    const wayOut = (error: DisconnectError) => banner(example({ session: { lastError: error } }), OPEN, ENGLISH)?.wayOut?.does;
    expect([5, 6, 8].map((code) => wayOut(failure(code)))).toEqual(["edit", "edit", "edit"]);
    expect([2, 12, 16].map((code) => wayOut(failure(code)))).toEqual(["logs", "logs", "logs"]);
    expect(wayOut({ domain: "org.example.own", code: 6, message: "Own words." })).toBe("logs");
  });

  it("offers to connect anew when nothing comes back", () => {
    const silent = example({ session: { status: "connected", health: [problem("Nothing comes back")] } });
    expect(banner(silent, OPEN, ENGLISH)).toMatchObject({ title: "Nothing comes back", primary: { does: "reconnect" }, wayOut: { does: "stop" } });
  });

  it("says that lockdown is on, and how it is switched off", () => {
    const locked = { blocking: true, lockdown: { allowLocalNetworks: true, setBy: 1000 } };
    expect(banner(example(), locked, ENGLISH)).toMatchObject({ primary: { does: "start" }, wayOut: { does: "liftLockdown" } });
  });

  it("enables what is disabled before anything else", () => {
    const disabled = example({ configuration: { enablement: "disabled" }, session: { lastError: failure(6) } });
    expect(banner(disabled, OPEN, ENGLISH)?.primary.does).toBe("enable");
  });
});

function failure(code: number): DisconnectError {
  return { domain: "NEVPNConnectionErrorDomain", code, message: "It failed." };
}
