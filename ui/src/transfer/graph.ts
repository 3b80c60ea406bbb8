// Five minutes of traffic as a picture: down above the line, up below it.

import type uPlot from "uplot";

import { niceCeiling, peakRate, SPAN_S, type Recording } from "./recording";

/** What uPlot draws: seconds before now, bytes a second down, and up with the sign changed. */
export function graphData({ rates }: Recording, now: number): uPlot.AlignedData {
  const times = rates.map((rate) => rate.at - now);
  const down = rates.map((rate) => rate.down);
  const up = rates.map((rate) => (rate.up === null ? null : -rate.up));
  return [times, down, up];
}

/** Where the axis is labelled: at the ends of what was seen, and at zero. */
export function graphMarks(recording: Recording): [up: number, zero: number, down: number] {
  const peak = peakRate(recording);
  return [-niceCeiling(Math.max(peak.up, QUIET / 4)), 0, niceCeiling(Math.max(peak.down, QUIET))];
}

/** One scale for both directions, so that they can be compared; what is up keeps at least a quarter of the height. */
export function graphRange(recording: Recording): [lowest: number, highest: number] {
  const [up, , down] = graphMarks(recording);
  return [-Math.max(-up, down / 4), Math.max(down, -up / 4)];
}

/** Keepalives alone must not look like a storm. */
const QUIET = 10_000;

export const TIME_RANGE: [number, number] = [-SPAN_S, 0];
