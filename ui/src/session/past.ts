// A session that is over, in words.

import type { PastSession } from "../helper/types";
import type { Language } from "../messages/language";
import { failureSentence } from "./failure";

export interface PastView {
  isFailure: boolean;
  /** How it began. */
  beginning: string;
  /** How it ended. */
  end: string;
  /** Absent: it never was connected, or nobody saw its end. */
  duration?: string;
}

export function pastView(past: PastSession, language: Language): PastView {
  const duration = seconds(past);
  return {
    isFailure: past.lastError !== undefined,
    beginning: beginning(past, language),
    end: end(past, language),
    ...(duration !== undefined && { duration: language.span(duration) }),
  };
}

function beginning({ connectedAt, startCause }: PastSession, { m }: Language): string {
  if (connectedAt === undefined) return m.activity.never;
  return startCause.onDemand ? m.activity.onDemand(startCause.onDemand.reason, startCause.onDemand.rule + 1) : m.activity.user;
}

function end({ lastError, endedAt, stopReason }: PastSession, language: Language): string {
  if (lastError) return failureSentence(lastError, language);
  return endedAt === undefined ? language.m.activity.unseen : language.m.activity.reasons[stopReason];
}

function seconds({ connectedAt, endedAt }: PastSession): number | undefined {
  if (connectedAt === undefined || endedAt === undefined) return undefined;
  return (new Date(endedAt).getTime() - new Date(connectedAt).getTime()) / 1000;
}
