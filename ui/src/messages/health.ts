// What the helper says of health, in the language of the app. It speaks English itself.

import { HEALTH_CODES } from "../helper/bindings";
import type { HealthItem } from "../helper/types";
import type { Language } from "./language";

export type HealthCode = (typeof HEALTH_CODES)[number];

/** What differs from one item of a code to the other; empty where it has no such argument. */
export type Given = (name: string) => string;

export interface HealthWords {
  title: string;
  text: string;
  action?: string;
}

/** Every code of the helper has to have words. */
export type HealthCatalogue = { [code in HealthCode]: (of: Given, language: Language) => HealthWords };

/** An item with its words in this language; one that is newer than this app stays as the helper says it. */
export function healthInWords(item: HealthItem, language: Language): HealthItem {
  const { healthItems } = language.m;
  if (healthItems === undefined || !isKnown(item.code)) return item;
  const { code, severity, arguments: given = {} } = item;
  return { code, severity, arguments: given, ...healthItems[item.code]((name) => given[name] ?? "", language) };
}

function isKnown(code: string): code is HealthCode {
  return (HEALTH_CODES as readonly string[]).includes(code);
}
