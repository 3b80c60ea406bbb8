// What is wrong with a field, what it is called, and what is in it, in the language of the app.

import type { Json } from "../helper/types";
import type { Language } from "../messages/language";
import type { Why } from "./faults";
import type { Step } from "./path";
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

/** What stands at a place of a configuration, as its form calls it: `Peers 1: Endpoint`. */
export function placeInWords(steps: readonly Step[], fields: readonly Field[], provider: string, language: Language): string {
  const { m } = language;
  const [part, ...inner] = steps;
  if (part === "name") return m.edit.name;
  if (part === "onDemand") return m.onDemand.title;
  const [field, ...own] = inner;
  if (part !== "protocol" || field === undefined) return steps.join(".");
  if (field === "proxy") return m.proxy.title;
  return field === "providerConfiguration" ? ownPlace(own, fields, provider, language) : m.routing.title;
}

function ownPlace([step, ...rest]: readonly Step[], fields: readonly Field[], provider: string, language: Language): string {
  const { m } = language;
  const field = fields.find((known) => known.name === step);
  if (!field) return String(step ?? m.edit.providerOptions);
  const { title } = called(field, provider, language);
  const [index, ...deeper] = rest;
  const named = typeof index === "number" ? m.edit.groupTitle(title, index + 1) : title;
  const left = typeof index === "number" ? deeper : rest;
  if (left.length === 0) return named;
  const innerFields = field.kind === "groups" && field.item.kind === "group" ? field.item.fields : field.kind === "group" ? field.fields : [];
  return `${named}: ${ownPlace(left, innerFields, provider, language)}`;
}

/** A value to be compared with another one. */
export function valueInWords(value: Json | undefined, language: Language): string {
  const { m } = language;
  if (value === undefined || value === null || value === "") return m.edit.nothing;
  if (typeof value === "boolean") return value ? m.edit.yes : m.edit.no;
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return JSON.stringify(value);
  if (value.length === 0) return m.edit.nothing;
  return value.every((item) => typeof item === "string") ? language.list(value) : JSON.stringify(value);
}
