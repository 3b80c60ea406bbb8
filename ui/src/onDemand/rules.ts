// Rules of VPN on demand while they are changed: their conditions one by one, their order, and what is odd about them.

import { isAddress, isHostName } from "../edit/faults";
import type { OnDemandRule, OnDemandSettings } from "../helper/types";

/** What a rule can ask of a network, in the order in which it is said. */
export const CONDITIONS = [
  "interfaceType",
  "ssids",
  "bssids",
  "searchDomains",
  "dnsServers",
  "gatewayMacs",
  "metered",
  "connectionIds",
  "time",
  "probeUrl",
] as const;
export type Condition = (typeof CONDITIONS)[number];

/** What a rule does. `connect` differs in when. */
export const ACTIONS = ["connectEager", "connect", "disconnect", "ignore", "evaluateConnection"] as const;
export type Action = (typeof ACTIONS)[number];

export function conditionsOf(rule: OnDemandRule): Condition[] {
  return CONDITIONS.filter((condition) => rule[condition] !== undefined);
}

/** The condition as it begins, before anybody says more. */
export function withCondition(rule: OnDemandRule, condition: Condition): OnDemandRule {
  switch (condition) {
    case "interfaceType":
      return { ...rule, interfaceType: "wiFi" };
    case "dnsServers":
      return { ...rule, dnsServers: { mode: "any", servers: [] } };
    case "metered":
      return { ...rule, metered: true };
    case "time":
      return { ...rule, time: { from: "08:00:00", until: "18:00:00" } };
    case "probeUrl":
      return { ...rule, probeUrl: "" };
    case "ssids":
    case "bssids":
    case "searchDomains":
    case "gatewayMacs":
    case "connectionIds":
      return { ...rule, [condition]: [] };
  }
}

export function withoutCondition(rule: OnDemandRule, condition: Condition): OnDemandRule {
  const { [condition]: _, ...rest } = rule;
  return rest as OnDemandRule;
}

export function actionOf(rule: OnDemandRule): Action {
  return rule.action === "connect" && rule.eager ? "connectEager" : rule.action;
}

/** With what another action needs, and without what it has no use for. */
export function withAction(rule: OnDemandRule, action: Action): OnDemandRule {
  const { eager: _, connectionRules, ...rest } = rule;
  switch (action) {
    case "connectEager":
      return { ...rest, action: "connect", eager: true };
    case "evaluateConnection":
      return { ...rest, action, connectionRules: connectionRules ?? [{ domains: [], action: "connectIfNeeded" }] };
    case "connect":
    case "disconnect":
    case "ignore":
      return { ...rest, action };
  }
}

/** The list with one of its items elsewhere. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const item = items[from];
  if (item === undefined || to < 0 || to >= items.length) return [...items];
  return items.toSpliced(from, 1).toSpliced(to, 0, item);
}

/** Where something lands that is dragged from `from` to the height `y`, by the middles of all items. */
export function placeAt(y: number, middles: readonly number[], from: number): number {
  return middles.filter((middle, index) => index !== from && middle < y).length;
}

export type Hint =
  /** Where no rule matches, nothing happens. */
  | { kind: "noCatchAll" }
  /** A rule above always matches. */
  | { kind: "unreachable"; index: number; by: number }
  /** A condition that asks for nothing never holds. */
  | { kind: "empty"; index: number; condition: Condition }
  /** A wired network has no name. */
  | { kind: "neverHolds"; index: number }
  | { kind: "wrong"; index: number; condition: Condition; value: string }
  | { kind: "noDomains"; index: number };

/** Those that keep rules from being saved. */
export function isFault(hint: Hint): boolean {
  return hint.kind === "empty" || hint.kind === "wrong" || hint.kind === "noDomains";
}

export function hintsOf(rules: readonly OnDemandRule[]): Hint[] {
  const catchAll = rules.findIndex((rule) => conditionsOf(rule).length === 0);
  const each = rules.flatMap((rule, index) => hintsOfRule(rule, index, catchAll));
  return catchAll === -1 && rules.length > 0 ? [...each, { kind: "noCatchAll" }] : each;
}

function hintsOfRule(rule: OnDemandRule, index: number, catchAll: number): Hint[] {
  const hints: Hint[] = [];
  if (catchAll !== -1 && index > catchAll) hints.push({ kind: "unreachable", index, by: catchAll });
  if ((rule.ssids ?? rule.bssids) && rule.interfaceType !== undefined && rule.interfaceType !== "wiFi")
    hints.push({ kind: "neverHolds", index });
  for (const condition of conditionsOf(rule)) {
    const values = textsOf(rule, condition);
    if (values?.length === 0) hints.push({ kind: "empty", index, condition });
    for (const value of values ?? []) if (!isRight(condition, value)) hints.push({ kind: "wrong", index, condition, value });
  }
  if (rule.action === "evaluateConnection") {
    const inner = rule.connectionRules ?? [];
    if (inner.length === 0 || inner.some(({ domains }) => domains.length === 0)) hints.push({ kind: "noDomains", index });
  }
  return hints;
}

/** What a condition lists; nothing for one that is no list. */
export function textsOf(rule: OnDemandRule, condition: Condition): readonly string[] | undefined {
  switch (condition) {
    case "ssids":
    case "bssids":
    case "searchDomains":
    case "gatewayMacs":
    case "connectionIds":
      return rule[condition];
    case "dnsServers":
      return rule.dnsServers?.servers;
    case "probeUrl":
      return rule.probeUrl === "" ? [] : rule.probeUrl === undefined ? undefined : [rule.probeUrl];
    case "interfaceType":
    case "metered":
    case "time":
      return undefined;
  }
}

export function withTexts(rule: OnDemandRule, condition: Condition, texts: string[]): OnDemandRule {
  if (condition === "dnsServers") return { ...rule, dnsServers: { mode: rule.dnsServers?.mode ?? "any", servers: texts } };
  return { ...rule, [condition]: texts };
}

function isRight(condition: Condition, value: string): boolean {
  switch (condition) {
    case "bssids":
    case "gatewayMacs":
      return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(value);
    case "searchDomains":
      return isHostName(value.replace(/^\*\./, ""));
    case "dnsServers":
      return isAddress(value.replace(/\.?\*$/, (end) => (end === "*" ? "" : ".0"))) || /^[0-9a-f.:]+\*$/i.test(value);
    case "probeUrl":
      return /^https?:/i.test(value) && URL.canParse(value);
    case "ssids":
    case "connectionIds":
    case "interfaceType":
    case "metered":
    case "time":
      return value.trim() !== "";
  }
}

/** What is chosen for a configuration that has no rules yet: everywhere but where people trust the network. */
export function proposal(): OnDemandSettings {
  return { enabled: true, rules: [{ action: "connect", eager: true }] };
}
