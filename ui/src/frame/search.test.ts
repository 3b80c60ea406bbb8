import { describe, expect, it } from "vitest";

import { example } from "../session/examples";
import { matching } from "./search";

const ENTRIES = ["Work", "Café Work", "Home"].map((name) => example({ configuration: { id: name, name } }));

describe("the search", () => {
  it("finds by all words, whatever their case and accents", () => {
    expect(found("")).toEqual(["Work", "Café Work", "Home"]);
    expect(found("cafe")).toEqual(["Café Work"]);
    expect(found("WORK ca")).toEqual(["Café Work"]);
    expect(found("vpn.example home")).toEqual(["Home"]);
    expect(found("nothing")).toEqual([]);
  });

  it("puts first what begins with it", () => {
    expect(found("wor")).toEqual(["Work", "Café Work"]);
    expect(matching([...ENTRIES].reverse(), "wor").map(({ configuration }) => configuration.name)).toEqual(["Work", "Café Work"]);
  });
});

function found(query: string): string[] {
  return matching(ENTRIES, query).map(({ configuration }) => configuration.name);
}
