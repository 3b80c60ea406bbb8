// What is wrong with the values of a form, found while somebody types. The provider has the last word.

import type { Json } from "../helper/types";
import { at, inWords, type Step } from "./path";
import type { Field } from "./schema";

export interface Fault {
  /** `peers[0].publicKey` */
  place: string;
  why: Why;
}

export type Why =
  | { kind: "missing" }
  | { kind: "form" }
  | { kind: "hostname" }
  | { kind: "address" }
  | { kind: "network" }
  | { kind: "key" }
  | { kind: "endpoint" }
  | { kind: "uri" }
  | { kind: "number" }
  | { kind: "least"; limit: number }
  | { kind: "most"; limit: number }
  | { kind: "few"; limit: number }
  | { kind: "twice" };

/** All faults of `value`, those of a list at the item that has them. */
export function faultsOf(fields: readonly Field[], value: Json | undefined): Fault[] {
  return fields.flatMap((field) => faultsAt(field, at(value, [field.name]), [field.name]));
}

export function isNetwork(text: string): boolean {
  const [address = "", length, ...rest] = text.split("/");
  if (rest.length > 0 || !isAddress(address)) return false;
  if (length === undefined) return false;
  return /^\d{1,3}$/.test(length) && Number(length) <= (address.includes(":") ? 128 : 32);
}

export function isAddress(text: string): boolean {
  return text.includes(":") ? isIpv6(text) : isIpv4(text);
}

export function isHostName(text: string): boolean {
  const name = text.replace(/\.$/, "");
  const isLabel = (label: string) => /^[\p{L}\p{N}_]([\p{L}\p{N}_-]{0,61}[\p{L}\p{N}_])?$/u.test(label);
  return name.length > 0 && name.length <= 253 && name.split(".").every(isLabel);
}

function faultsAt(field: Field, value: Json | undefined, steps: Step[]): Fault[] {
  const fault = (why: Why): Fault[] => [{ place: inWords(steps), why }];
  if (isAbsent(value)) {
    if (field.kind === "groups" || field.kind === "texts")
      return field.atLeast > 0 ? fault({ kind: "few", limit: field.atLeast }) : [];
    if (field.kind === "choice" && field.preset !== undefined) return [];
    return field.isRequired && field.kind !== "flag" ? fault({ kind: "missing" }) : [];
  }
  switch (field.kind) {
    case "text": {
      const why = typeof value === "string" ? faultOfText(value, field) : { kind: "form" as const };
      return why ? fault(why) : [];
    }
    case "number": {
      if (typeof value !== "number" || (field.isWhole && !Number.isInteger(value))) return fault({ kind: "number" });
      if (field.minimum !== undefined && value < field.minimum) return fault({ kind: "least", limit: field.minimum });
      if (field.maximum !== undefined && value > field.maximum) return fault({ kind: "most", limit: field.maximum });
      return [];
    }
    case "texts": {
      const items = Array.isArray(value) ? value : [];
      return items.flatMap((item, index) => {
        const place = [...steps, index];
        if (items.indexOf(item) < index) return [{ place: inWords(place), why: { kind: "twice" as const } }];
        return faultsAt({ ...field.item, isRequired: true }, item, place);
      });
    }
    case "groups": {
      const items = Array.isArray(value) ? value : [];
      return items.flatMap((item, index) => faultsAt(field.item, item, [...steps, index]));
    }
    case "group":
      return field.fields.flatMap((inner) => faultsAt(inner, at(value, [inner.name]), [...steps, inner.name]));
    case "choice": {
      const chosen = field.options.find((option) => isChosen(option.value, option.fields, value));
      if (!chosen) return fault({ kind: "form" });
      return chosen.fields.flatMap((inner) => faultsAt(inner, at(value, [inner.name]), [...steps, inner.name]));
    }
    case "flag":
    case "other":
      return [];
  }
}

/** Whether a value is of this way of a choice. */
export function isChosen(of: Json, fields: readonly Field[], value: Json | undefined): boolean {
  if (fields.length === 0) return of === value;
  return typeof value === "object" && value !== null && fields.some((field) => field.name in value);
}

function faultOfText(text: string, field: Extract<Field, { kind: "text" }>): Why | undefined {
  const { format, pattern } = field;
  if (format === "hostname" && !isHostName(text)) return { kind: "hostname" };
  if (format === "uri" && !URL.canParse(text)) return { kind: "uri" };
  if (format === "ipv4" || format === "ipv6") return isAddress(text) ? undefined : { kind: "address" };
  if (pattern === undefined) return undefined;
  const known = KNOWN_PATTERNS.find(({ examples }) => fits(pattern, examples.good) && !fits(pattern, examples.bad));
  if (known) return known.isRight(text) && new RegExp(pattern, "u").test(text) ? undefined : known.why;
  return new RegExp(pattern, "u").test(text) ? undefined : { kind: "form" };
}

/** What a pattern is meant for shows in what fits it, and can then be said in words. */
const KNOWN_PATTERNS: { why: Why; examples: { good: string[]; bad: string[] }; isRight: (text: string) => boolean }[] = [
  { why: { kind: "network" }, examples: { good: ["10.0.0.0/8", "fd00::/64"], bad: ["10.0.0.1", "a.test"] }, isRight: isNetwork },
  { why: { kind: "address" }, examples: { good: ["10.0.0.1", "fd00::1"], bad: ["10.0.0.0/8", "a.test"] }, isRight: isAddress },
  { why: { kind: "key" }, examples: { good: ["hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="], bad: ["10.0.0.1"] }, isRight: () => true },
  { why: { kind: "endpoint" }, examples: { good: ["a.test:1", "[fd00::1]:51820"], bad: ["a.test", "10.0.0.0/8"] }, isRight: hasPort },
];

function fits(pattern: string, texts: string[]): boolean {
  const expression = new RegExp(pattern, "u");
  return texts.every((text) => expression.test(text));
}

function hasPort(text: string): boolean {
  const port = Number(text.slice(text.lastIndexOf(":") + 1));
  return port >= 1 && port <= 65_535;
}

function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  const [head = "", tail, ...rest] = text.split("::");
  if (rest.length > 0) return false;
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const all = [...groups(head), ...groups(tail ?? "")];
  const last = all.at(-1) ?? "";
  const isMapped = last.includes(".");
  const plain = isMapped ? all.slice(0, -1) : all;
  if (!plain.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) || (isMapped && !isIpv4(last))) return false;
  const length = plain.length + (isMapped ? 2 : 0);
  return tail === undefined ? length === 8 : length <= 7;
}

function isAbsent(value: Json | undefined): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}
