import { describe, expect, it } from "vitest";

import type { Change } from "../helper/helper";
import { example } from "../session/examples";
import { changed, EMPTY, type Knowledge } from "./knowledge";

const [A, B] = [example({ configuration: { id: "a", name: "Site 10" } }), example({ configuration: { id: "b", name: "site 9" } })];
const KNOWN = after({ kind: "snapshot", entries: [A, B], machine: { blocking: false } });

describe("what is known", () => {
  it("begins with a snapshot, ordered as people count", () => {
    expect(names(KNOWN)).toEqual(["site 9", "Site 10"]);
  });

  it("follows what is saved and removed", () => {
    const renamed = after({ kind: "saved", configuration: { ...A.configuration, name: "Alpha" } });
    expect(names(renamed)).toEqual(["Alpha", "site 9"]);
    const made = after({ kind: "saved", configuration: { ...A.configuration, id: "c", name: "New" } });
    expect(made.entries.map((entry) => entry.session.status)).toEqual(["disconnected", "disconnected", "disconnected"]);
    expect(names(after({ kind: "removed", id: "a" }))).toEqual(["site 9"]);
  });

  it("takes no older state for a newer one", () => {
    const session = { ...A.session, status: "connected" as const, sequence: 7 };
    const connected = changed(KNOWN, { kind: "status", session });
    const late = changed(connected, { kind: "status", session: { ...session, status: "connecting", sequence: 6 } });
    expect(late.entries.map((entry) => entry.session.status)).toEqual(["disconnected", "connected"]);
  });
});

function after(change: Change): Knowledge {
  const known = change.kind === "snapshot" ? EMPTY : KNOWN;
  return changed(known, change);
}

function names({ entries }: Knowledge): string[] {
  return entries.map((entry) => entry.configuration.name);
}
