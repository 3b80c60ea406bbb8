// What is wrong with a field, and what it is called, in the language of the app.

import type { Language } from "../messages/language";
import type { Why } from "./faults";
import type { Field, Option, SecretField } from "./schema";

export function whyInWords(why: Why, { m, number }: Language): string {
  const { why: words } = m.edit;
  switch (why.kind) {
    case "least":
      return words.least(number(why.limit));
    case "most":
      return words.most(number(why.limit));
    case "few":
      return words.few(why.limit);
    case "missing":
    case "form":
    case "hostname":
    case "address":
    case "network":
    case "key":
    case "endpoint":
    case "uri":
    case "number":
    case "twice":
      return words[why.kind];
  }
}

/** The words of the schema, unless the catalogue knows better ones. */
export function called(field: Field | SecretField, provider: string, { m }: Language): { title: string; description: string | undefined } {
  const known = m.schema[provider]?.["place" in field ? field.place : field.name];
  return known ? { title: known.title, description: known.description } : { title: field.title, description: field.description };
}

export function optionTitle(option: Option, field: Field, provider: string, { m }: Language): string {
  return m.schema[provider]?.[`${field.place}.${String(option.value)}`]?.title ?? option.title;
}
