// Why something was refused, in the language of the app.

import type { FailureKind, Fault, ImportError, InvalidField, Obstacle, RefusalCode } from "../helper/bindings";
import { Refused } from "../helper/helper";
import type { Language } from "./language";
import type { Given } from "./spoken";

/** Every way in which a text of WireGuard can be wrong has to have words. */
export type TextFaults = { [code in ImportError["code"]]: (fault: Extract<ImportError, { code: code }>) => string };

/** Every way in which a field can be wrong has to have words, as a part of a sentence after its name. */
export type FieldFaults = { [code in Fault["code"]]: (fault: Extract<Fault, { code: code }>) => string };

/** Every code of the helper has to have words; without any, its own sentence counts. */
export type RefusedStarts = { [code in RefusalCode]: (reason: string) => string | undefined };

/** Those kinds of refusal of which a sentence says as much as the helper's own. */
export type RefusedKinds = { [kind in Exclude<FailureKind, "invalid" | "failed">]: (of: Given) => string };

/** What was thrown, as a sentence. */
export function refusalInWords(error: unknown, { m }: Language): string {
  if (error instanceof Refused) {
    if (error.fault && m.textFaults) return faultInWords(error.fault, m.textFaults);
    const kinds: { [kind in FailureKind]?: (of: Given) => string } = m.refusedKinds ?? {};
    const known = kinds[error.kind];
    if (known !== undefined) return known((name) => error.given[name] ?? "");
  }
  return error instanceof Error ? error.message : String(error);
}

/** Why a rule did not start its tunnel. */
export function refusedStartInWords({ message, code, reason = "" }: Extract<Obstacle, { kind: "refused" }>, { m }: Language): string {
  return m.refusedStarts?.[code](reason) ?? message;
}

/** What is wrong with a field, to follow its name. */
export function invalidInWords({ reason, fault }: InvalidField, { m }: Language): string {
  return m.fieldFaults ? fieldFaultInWords(fault, m.fieldFaults) : reason;
}

export function fieldFaultInWords<C extends Fault["code"]>(fault: Extract<Fault, { code: C }>, words: FieldFaults): string {
  const say = words[fault.code] as (fault: Fault) => string;
  return say(fault);
}

function faultInWords<C extends ImportError["code"]>(fault: Extract<ImportError, { code: C }>, words: TextFaults): string {
  const say = words[fault.code] as (fault: ImportError) => string;
  return say(fault);
}
