// Places within a configuration, in memory as a list of steps and in words as `peers[0].publicKey`.

import type { Json } from "../helper/types";

export type Step = string | number;

/** What stands at a place, if anything. */
export function at(value: Json | undefined, steps: readonly Step[]): Json | undefined {
  let found = value;
  for (const step of steps) {
    if (found === null || typeof found !== "object") return undefined;
    found = (found as { [key: Step]: Json | undefined })[step];
  }
  return found;
}

/** The whole with another value at a place. `undefined` takes what stands there away. */
export function put(value: Json | undefined, steps: readonly Step[], to: Json | undefined): Json | undefined {
  const [step, ...rest] = steps;
  if (step === undefined) return to;
  if (typeof step === "number") {
    const items: Json[] = Array.isArray(value) ? [...value] : [];
    const changed = put(items[step], rest, to);
    if (changed === undefined) items.splice(step, 1);
    else items[step] = changed;
    return items;
  }
  const fields: { [key: string]: Json } = value && typeof value === "object" && !Array.isArray(value) ? { ...value } : {};
  const changed = put(fields[step], rest, to);
  if (changed === undefined) delete fields[step];
  else fields[step] = changed;
  return fields;
}

export function inWords(steps: readonly Step[]): string {
  return steps.reduce<string>((words, step) => {
    if (typeof step === "number") return `${words}[${step}]`;
    return words === "" ? step : `${words}.${step}`;
  }, "");
}

/** The steps that `inWords` has written. */
export function stepsOf(words: string): Step[] {
  return [...words.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([name, index]) => (index === undefined ? name : Number(index)));
}
