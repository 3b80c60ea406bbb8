import { describe, expect, it } from "vitest";

import type { Counters } from "../helper/types";
import { byMinute, currentRate, niceCeiling, NOTHING, peakRate, recorded, SPAN_S, type Recording } from "./recording";

describe("a recording", () => {
  it("has the difference of two counts, by the time between them", () => {
    const recording = after([0, 100, 10], [2, 300, 50]);
    expect(recording.rates).toEqual([
      { at: 1, down: 100, up: 20 },
      { at: 2, down: 100, up: 20 },
    ]);
    expect(currentRate(recording)).toEqual({ down: 100, up: 20 });
  });

  it("has nothing to say of one count", () => {
    const recording = after([0, 100, 10]);
    expect(recording.rates).toEqual([]);
    expect(currentRate(recording)).toEqual({ down: 0, up: 0 });
  });

  it("has a gap where the interface was made anew or nobody counted", () => {
    expect(after([0, 900, 900], [1, 5, 5], [2, 10, 10]).rates).toEqual([
      { at: 1, down: null, up: null },
      { at: 2, down: 5, up: 5 },
    ]);
    expect(after([0, 0, 0], [60, 6000, 6000]).rates).toEqual([{ at: 60, down: null, up: null }]);
  });

  it("takes no notice of a clock that goes back", () => {
    const recording = after([10, 0, 0], [11, 5, 5]);
    expect(recorded(recording, 9, counters(7, 7))).toBe(recording);
  });

  it("forgets what is older than its span", () => {
    const counts = Array.from({ length: SPAN_S + 50 }, (_, i): Count => [i, i, i]);
    const { rates } = after(...counts);
    expect(rates).toHaveLength(SPAN_S);
    expect(rates[0]?.at).toBe(50);
  });

  it("is told by the minute, for those who do not see the graph", () => {
    const recording = after([0, 0, 0], [1, 100, 10], [2, 300, 30], [65, 300, 30], [66, 1300, 130]);
    expect(byMinute(recording, 66)).toEqual([
      { minutesAgo: 0, down: 1000, up: 100 },
      { minutesAgo: 1, down: 150, up: 15 },
    ]);
    expect(peakRate(recording)).toEqual({ down: 1000, up: 100 });
  });
});

describe("the end of an axis", () => {
  it("is a round number that is not exceeded", () => {
    expect([0, 1, 1.5, 4, 7, 10, 1234, 99_999].map(niceCeiling)).toEqual([1, 1, 1.5, 4, 8, 10, 1500, 100_000]);
  });
});

type Count = [at: number, down: number, up: number];

function after(...counts: Count[]): Recording {
  return counts.reduce((recording, [at, down, up]) => recorded(recording, at, counters(down, up)), NOTHING);
}

function counters(rxBytes: number, txBytes: number): Counters {
  return { rxBytes, txBytes, rxPackets: 0, txPackets: 0, rxDropped: 0, txDropped: 0 };
}
