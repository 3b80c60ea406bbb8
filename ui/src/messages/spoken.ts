// What the helper says of health and of what it has tried, in the language of the app. It speaks English itself.

import { CHECK_CODES, HEALTH_CODES } from "../helper/bindings";
import type { Check, HealthItem } from "../helper/types";
import type { Language } from "./language";

export type HealthCode = (typeof HEALTH_CODES)[number];

export type CheckCode = (typeof CHECK_CODES)[number];

/** What differs from one item of a code to the other; empty where it has no such argument. */
export type Given = (name: string) => string;

export interface HealthWords {
  title: string;
  text: string;
  action?: string;
}

/** Every code of the helper has to have words. */
export type HealthCatalogue = { [code in HealthCode]: (of: Given, language: Language) => HealthWords };

export interface CheckWords {
  subject: string;
  text: string;
}

export type CheckCatalogue = { [code in CheckCode]: (of: Given) => CheckWords };

/** An item with its words in this language; one that is newer than this app stays as the helper says it. */
export function healthInWords(item: HealthItem, language: Language): HealthItem {
  const { healthItems } = language.m;
  if (healthItems === undefined || !isHealthCode(item.code)) return item;
  const { code, severity, arguments: given = {} } = item;
  return { code, severity, arguments: given, ...healthItems[item.code]((name) => given[name] ?? "", language) };
}

/** The same for a check. */
export function checkInWords(check: Check, { m }: Language): Check {
  const { checks } = m;
  if (checks === undefined || !isCheckCode(check.code)) return check;
  return { ...check, ...checks[check.code]((name) => check.arguments?.[name] ?? "") };
}

function isHealthCode(code: string): code is HealthCode {
  return (HEALTH_CODES as readonly string[]).includes(code);
}

function isCheckCode(code: string): code is CheckCode {
  return (CHECK_CODES as readonly string[]).includes(code);
}
