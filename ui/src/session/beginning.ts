import type { SessionStatus } from "../helper/types";
import type { Language } from "../messages/language";

/** Since when a session is up and who wanted it, as `Since 10:25 · started by hand`. */
export function beginningInWords(session: SessionStatus, now: Date, language: Language): string | undefined {
  const { head } = language.m;
  const since = session.connectedAt && head.since(language.moment(new Date(session.connectedAt), now));
  const parts = [since, causeInWords(session, language)].filter((part) => part !== undefined);
  return parts.length > 0 ? parts.join(" · ") : undefined;
}

function causeInWords({ startCause }: SessionStatus, { m }: Language): string | undefined {
  if (!startCause) return undefined;
  return startCause.onDemand ? m.head.byRule(startCause.onDemand.reason, startCause.onDemand.rule + 1) : m.head.byHand;
}
