// On-demand rules in words.

import type { EvaluateConnectionRule, OnDemandRule, Weekday } from "../helper/types";
import type { Language } from "../messages/language";

/** `On Wi-Fi “Café” and where traffic costs money → connect at once`. */
export function ruleInWords(rule: OnDemandRule, language: Language): string {
  return language.m.rule.when(conditionsInWords(rule, language), actionInWords(rule, language));
}

export function conditionsInWords(rule: OnDemandRule, language: Language): string {
  const { rule: words } = language.m;
  const conditions = conditionList(rule, language);
  return conditions.length === 0 ? words.always : words.and(conditions);
}

export function actionInWords(rule: OnDemandRule, language: Language): string {
  const { rule: words } = language.m;
  switch (rule.action) {
    case "connect":
      return rule.eager ? words.connectEager : words.connect;
    case "disconnect":
      return words.disconnect;
    case "ignore":
      return words.ignore;
    case "evaluateConnection":
      return evaluateInWords(rule.connectionRules ?? [], language);
  }
}

/** The names of some days, as `Monday and Tuesday`. */
export function daysInWords(days: readonly Weekday[], language: Language): string {
  const format = new Intl.DateTimeFormat(language.tag, { weekday: "long", timeZone: "UTC" });
  // The first of January 2024 was a Monday.
  return language.list(days.map((day) => format.format(new Date(Date.UTC(2024, 0, 1 + WEEKDAYS.indexOf(day))))));
}

export const WEEKDAYS: readonly Weekday[] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

function conditionList(rule: OnDemandRule, language: Language): string[] {
  const { rule: words } = language.m;
  const or = (items: readonly string[]) => words.or([...items]);
  const named = (items: readonly string[]) => or(items.map((item) => words.quoted(item)));
  const said: (string | undefined)[] = [
    // A network's name says that it is wireless.
    rule.interfaceType && !(rule.interfaceType === "wiFi" && rule.ssids) ? words[rule.interfaceType] : undefined,
    rule.ssids && words.ssids(rule.ssids.length, named(rule.ssids)),
    rule.bssids && words.bssids(or(rule.bssids)),
    rule.searchDomains && words.searchDomains(or(rule.searchDomains)),
    rule.dnsServers && (rule.dnsServers.mode === "any" ? words.dnsAny : words.dnsAll)(or(rule.dnsServers.servers)),
    rule.gatewayMacs && words.gatewayMacs(or(rule.gatewayMacs)),
    rule.metered === undefined ? undefined : rule.metered ? words.metered : words.unmetered,
    rule.connectionIds && words.connectionIds(named(rule.connectionIds)),
    rule.time && timeInWords(rule.time, language),
    rule.probeUrl && words.probe(rule.probeUrl),
  ];
  return said.filter((condition) => condition !== undefined);
}

function timeInWords({ days, from, until }: NonNullable<OnDemandRule["time"]>, language: Language): string {
  const { rule: words } = language.m;
  const [start, end] = [clockTime(from), clockTime(until)];
  return days ? words.timeOnDays(daysInWords(days, language), start, end) : words.time(start, end);
}

/** `08:00:00` without its seconds. */
function clockTime(time: string): string {
  return time.split(":").slice(0, 2).join(":");
}

function evaluateInWords(rules: readonly EvaluateConnectionRule[], language: Language): string {
  const { rule: words } = language.m;
  const connects = rules.filter((rule) => rule.action === "connectIfNeeded").flatMap((rule) => rule.domains);
  return connects.length === 0 ? words.evaluate : words.evaluateSome(words.or(connects));
}
