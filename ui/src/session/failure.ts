import type { DisconnectError } from "../helper/types";
import { en } from "../messages/en";
import type { Language } from "../messages/language";

/** Apple's error domain of connections. */
export const CONNECTION = "NEVPNConnectionErrorDomain";

/** Why a session ended. The helper speaks English: its standard sentences are known in every language, what knows more
 * than they do stays as it is. */
export function failureSentence(error: DisconnectError, { m }: Language): string {
  const at = error.code - 1;
  const isStandard = error.domain === CONNECTION && en.failures[at] === error.message;
  return (isStandard ? m.failures[at] : undefined) ?? error.message;
}
