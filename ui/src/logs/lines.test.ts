import { describe, expect, it } from "vitest";

import type { LogLine } from "../helper/types";
import { appended, asText, fitting, KEPT, type Level } from "./lines";

const LINES = [line("info", "adit_helper", "Home: connected"), line("error", "adit_wireguard::udp", "no route"), line("debug", "x", "y")];

describe("the log", () => {
  it("shows what is at least as bad and has all words", () => {
    expect(fitting(LINES, "trace", "")).toEqual(LINES);
    expect(fitting(LINES, "info", "")).toEqual(LINES.slice(0, 2));
    expect(fitting(LINES, "error", "")).toEqual([LINES[1]]);
    expect(fitting(LINES, "trace", "home HELPER")).toEqual([LINES[0]]);
    expect(fitting(LINES, "trace", "home udp")).toEqual([]);
  });

  it("is copied a line each", () => {
    expect(asText(LINES.slice(0, 1))).toBe("2026-03-01T10:00:00Z INFO  adit_helper: Home: connected");
  });

  it("forgets the oldest", () => {
    const full = appended([], Array.from({ length: KEPT }, (_, i) => line("info", "t", String(i))));
    const more = appended(full, [line("info", "t", "new")]);
    expect([more.length, more[0]?.text, more.at(-1)?.text]).toEqual([KEPT, "1", "new"]);
  });
});

function line(level: Level, target: string, text: string): LogLine {
  return { time: "2026-03-01T10:00:00Z", level, target, text };
}
