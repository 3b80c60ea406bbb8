// What somebody has changed of a configuration and not saved yet.

import type { SecretChanges } from "../helper/helper";
import type { Json, VpnConfiguration } from "../helper/types";
import { inWords, type Step } from "./path";

export interface Draft {
  configuration: VpnConfiguration;
  secretChanges: SecretChanges;
}

export function isChanged(base: VpnConfiguration, draft: Draft): boolean {
  return Object.keys(draft.secretChanges).length > 0 || !isSame(base, draft.configuration);
}

/** Whether two configurations mean the same: an empty list is no list, and the order of fields does not count. */
export function isSame(a: VpnConfiguration, b: VpnConfiguration): boolean {
  return canonical(a as unknown as Json) === canonical(b as unknown as Json);
}

/** The secrets that are there once this is saved. */
export function secretNames(stored: readonly string[], changes: SecretChanges): string[] {
  const left = stored.filter((name) => !(name in changes));
  const added = Object.entries(changes).filter(([, change]) => change.remove === undefined);
  return [...left, ...added.map(([name]) => name)].sort();
}

/** What the text says about secrets, on top of what was changed before. */
export function withSecretChanges(before: SecretChanges, said: SecretChanges, stored: readonly string[]): SecretChanges {
  const changes = { ...before, ...said };
  // To forget what was never stored is to change nothing.
  for (const [name, change] of Object.entries(changes))
    if (change.remove !== undefined && !stored.includes(name)) delete changes[name];
  return changes;
}

export interface Merged {
  configuration: VpnConfiguration;
  /** Where both have changed something, to different values. Mine are in the configuration. */
  conflicts: Conflict[];
}

/** A field that two have changed. */
export interface Conflict {
  steps: readonly Step[];
  mine: Json | undefined;
  theirs: Json | undefined;
}

/** Brings a draft up to date with what somebody else has saved meanwhile: each field is taken from whoever changed it. */
export function merged(base: VpnConfiguration, mine: VpnConfiguration, theirs: VpnConfiguration): Merged {
  const conflicts: Conflict[] = [];
  const [from, left, right] = [base, mine, theirs] as unknown as [Json, Json, Json];
  const whole = mergedValue(from, left, right, [], conflicts);
  return { configuration: { ...(whole as unknown as VpnConfiguration), generation: theirs.generation }, conflicts };
}

function mergedValue(
  base: Json | undefined,
  mine: Json | undefined,
  theirs: Json | undefined,
  steps: Step[],
  conflicts: Conflict[],
): Json | undefined {
  const same = (a: Json | undefined, b: Json | undefined) => canonical(a) === canonical(b);
  if (same(mine, theirs) || same(base, theirs)) return mine;
  if (same(base, mine)) return theirs;
  if (isGroup(mine) && isGroup(theirs)) {
    const before = isGroup(base) ? base : {};
    const fields: { [key: string]: Json } = {};
    for (const name of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
      const value = mergedValue(before[name], mine[name], theirs[name], [...steps, name], conflicts);
      if (value !== undefined) fields[name] = value;
    }
    return fields;
  }
  // They follow from others, and the generation is the helper's.
  if (!DERIVED.includes(inWords(steps))) conflicts.push({ steps, mine, theirs });
  return mine;
}

const DERIVED = ["generation", "protocol.serverAddress", "protocol.expectedRoutes"];

function isGroup(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function canonical(value: Json | undefined): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (Array.isArray(inner)) return inner.length === 0 ? undefined : inner;
    if (typeof inner !== "object" || inner === null) return inner;
    const fields = Object.entries(inner).filter(([, field]) => field !== undefined && !(Array.isArray(field) && field.length === 0));
    return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
  }) ?? "";
}
