// Which lines of the log are shown, and how they are copied.

import type { LogLine } from "../helper/types";

export type Level = LogLine["level"];

/** From the worst to the least. */
export const LEVELS: readonly Level[] = ["error", "warn", "info", "debug", "trace"];

/** How many are kept: older ones are in the journal. */
export const KEPT = 5000;

export function appended(lines: readonly LogLine[], more: readonly LogLine[]): readonly LogLine[] {
  return [...lines, ...more].slice(-KEPT);
}

/** Those at least as bad as `level` that have all words of the filter, in any case. */
export function fitting(lines: readonly LogLine[], level: Level, filter: string): readonly LogLine[] {
  const worst = LEVELS.indexOf(level);
  const words = filter.toLowerCase().split(/\s+/).filter((word) => word !== "");
  return lines.filter((line) => {
    const text = `${line.target} ${line.text}`.toLowerCase();
    return LEVELS.indexOf(line.level) <= worst && words.every((word) => text.includes(word));
  });
}

/** One line each, as a bug report wants it. */
export function asText(lines: readonly LogLine[]): string {
  return lines.map(({ time, level, target, text }) => `${time} ${level.toUpperCase().padEnd(5)} ${target}: ${text}`).join("\n");
}
