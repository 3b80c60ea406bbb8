// The language that the app speaks: its words, and how it writes numbers, times and lists.

import { de } from "./de";
import { en, type Messages } from "./en";
import { createFormats, isolated, type Formats, type Units } from "./formats";

export interface Language extends Formats {
  /** BCP 47. */
  tag: string;
  direction: "ltr" | "rtl";
  m: Messages;
}

/** What the app's settings call a language. */
const CHOICES = { session: undefined, english: "en", german: "de" } as const;

/** Which languages somebody wants, the first most. */
export function wantedLanguages(choice: keyof typeof CHOICES, session: readonly string[]): readonly string[] {
  const chosen = CHOICES[choice];
  return chosen === undefined ? session : [chosen, ...session];
}

/** English in a made-up right-to-left locale: checks that the layout mirrors. */
const MIRRORED = "en-x-mirrored";

/** The first of `wanted` that there is, else English. */
export function languageFor(wanted: readonly string[], units?: () => Units): Language {
  for (const tag of wanted) {
    if (tag === MIRRORED) return { tag: "en", direction: "rtl", m: en, ...isolated(createFormats("en", units)) };
    const [base] = tag.toLowerCase().split("-");
    if (base === "de") return { tag, direction: "ltr", m: de, ...createFormats(tag, units) };
    if (base === "en") return { tag, direction: "ltr", m: en, ...createFormats(tag, units) };
  }
  return { tag: "en", direction: "ltr", m: en, ...createFormats("en", units) };
}
