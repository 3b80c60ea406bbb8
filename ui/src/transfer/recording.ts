// The rates of the last five minutes, out of counters that only ever grow.

import type { Counters } from "../helper/types";

/** How far back it reaches, in seconds; there is a sample for each. */
export const SPAN_S = 300;

/** What went through at one moment, in bytes a second. `null` where nobody counted. */
export interface Rate {
  /** Seconds since the epoch. */
  at: number;
  down: number | null;
  up: number | null;
}

export interface Recording {
  /** Oldest first, at most `SPAN_S`. */
  rates: readonly Rate[];
  last: { at: number; counters: Counters } | undefined;
}

export const NOTHING: Recording = { rates: [], last: undefined };

/** Counting may have paused for longer than this, as while the window was hidden: then there is a gap. */
const LONGEST_STEP_S = 5;

/** With what the counters say at a moment. */
export function recorded(recording: Recording, at: number, counters: Counters): Recording {
  const { last } = recording;
  const rates = [...recording.rates];
  if (last) {
    const seconds = at - last.at;
    if (seconds <= 0) return recording;
    const [down, up] = [counters.rxBytes - last.counters.rxBytes, counters.txBytes - last.counters.txBytes];
    // Smaller than before: another interface took its place.
    const isCounted = seconds <= LONGEST_STEP_S && down >= 0 && up >= 0;
    const rate = isCounted ? { down: down / seconds, up: up / seconds } : { down: null, up: null };
    // One for each second, also where nobody counted as often.
    const steps = isCounted ? Math.max(Math.round(seconds), 1) : 1;
    for (let left = steps - 1; left >= 0; left -= 1) rates.push({ at: at - (seconds / steps) * left, ...rate });
  }
  return { rates: rates.filter((rate) => rate.at > at - SPAN_S), last: { at, counters } };
}

/** The current rate; zero when nobody counted. */
export function currentRate({ rates }: Recording): { down: number; up: number } {
  const last = rates.at(-1);
  return { down: last?.down ?? 0, up: last?.up ?? 0 };
}

/** The largest rate of either direction. */
export function peakRate({ rates }: Recording): { down: number; up: number } {
  const peak = { down: 0, up: 0 };
  for (const { down, up } of rates) {
    peak.down = Math.max(peak.down, down ?? 0);
    peak.up = Math.max(peak.up, up ?? 0);
  }
  return peak;
}

/** The mean rates of each minute, the latest first; minutes without any sample are left out. */
export function byMinute({ rates }: Recording, now: number): { minutesAgo: number; down: number; up: number }[] {
  const minutes = new Map<number, { count: number; down: number; up: number }>();
  for (const { at, down, up } of rates) {
    if (down === null || up === null) continue;
    const minutesAgo = Math.max(Math.floor((now - at) / 60), 0);
    const sum = minutes.get(minutesAgo) ?? { count: 0, down: 0, up: 0 };
    minutes.set(minutesAgo, { count: sum.count + 1, down: sum.down + down, up: sum.up + up });
  }
  return [...minutes]
    .toSorted(([a], [b]) => a - b)
    .map(([minutesAgo, { count, down, up }]) => ({ minutesAgo, down: down / count, up: up / count }));
}

/** The next round number: the end of an axis that does not jump with each sample. */
export function niceCeiling(value: number): number {
  const scale = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return (([1, 1.5, 2, 3, 4, 5, 6, 8] as const).find((step) => step * scale >= value) ?? 10) * scale;
}
