// A provider's configuration as JSON, for providers whose text is nothing else.

import { Refused } from "../helper/helper";
import type { Json, VpnConfiguration } from "../helper/types";

export function toJsonText({ protocol }: VpnConfiguration): string {
  return JSON.stringify(protocol.providerConfiguration ?? {}, undefined, 2) + "\n";
}

/** Refused with the line that is wrong. `sentence` says in words that it is no JSON. */
export function fromJsonText(text: string, configuration: VpnConfiguration, sentence: (line: number) => string): VpnConfiguration {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch (error) {
    const line = lineOf(text, error instanceof Error ? error.message : "");
    throw new Refused({ kind: "invalid", sentence: sentence(line), line });
  }
  if (typeof read !== "object" || read === null || Array.isArray(read))
    throw new Refused({ kind: "invalid", sentence: sentence(1), line: 1 });
  const providerConfiguration = read as { [key: string]: Json };
  return { ...configuration, protocol: { ...configuration.protocol, providerConfiguration } };
}

/** Engines say the place in different words; none of them stands in the standard. */
function lineOf(text: string, message: string): number {
  const line = /line (\d+)/.exec(message)?.[1];
  if (line !== undefined) return Number(line);
  const position = /position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return text.slice(0, Number(position)).split("\n").length;
  return firstBadLine(text);
}

/** The first line whose end cannot be followed by any other text of what comes before. */
function firstBadLine(text: string): number {
  const lines = text.split("\n");
  let depth = 0;
  for (const [index, line] of lines.entries()) {
    const bare = line.replace(/"(\\.|[^"\\])*"/g, "0");
    if (bare.includes('"')) return index + 1;
    for (const character of bare) {
      if ("{[".includes(character)) depth += 1;
      if ("}]".includes(character)) depth -= 1;
      if (depth < 0) return index + 1;
    }
    const next = lines.slice(index + 1).find((later) => later.trim() !== "")?.trim() ?? "";
    const isEnded = /[,{[:]\s*$/.test(bare) || bare.trim() === "" || /^[}\]]/.test(next) || next === "";
    if (!isEnded) return index + 1;
  }
  return lines.length;
}
