// Why something was refused, in the language of the app.

import type { FailureKind, ImportError } from "../helper/bindings";
import { Refused } from "../helper/helper";
import type { Language } from "./language";

/** Every way in which a text of WireGuard can be wrong has to have words. */
export type TextFaults = { [code in ImportError["code"]]: (fault: Extract<ImportError, { code: code }>) => string };

/** Those kinds of refusal of which a sentence for all says as much as the helper's own. */
export type RefusedKinds = { [kind in Exclude<FailureKind, "invalid" | "routesConflict" | "failed">]: string };

/** What was thrown, as a sentence. */
export function refusalInWords(error: unknown, { m }: Language): string {
  if (error instanceof Refused) {
    if (error.fault && m.textFaults) return faultInWords(error.fault, m.textFaults);
    const kinds: { [kind in FailureKind]?: string } = m.refusedKinds ?? {};
    const known = kinds[error.kind];
    if (known !== undefined) return known;
  }
  return error instanceof Error ? error.message : String(error);
}

function faultInWords<C extends ImportError["code"]>(fault: Extract<ImportError, { code: C }>, words: TextFaults): string {
  const say = words[fault.code] as (fault: ImportError) => string;
  return say(fault);
}
