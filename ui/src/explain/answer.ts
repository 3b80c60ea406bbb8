// Why something goes where it goes, in words.

import type { Helper } from "../helper/helper";
import type { DnsExplanation, Entry, NameLookup, RouteExplanation } from "../helper/types";
import type { Language } from "../messages/language";

export interface Answer {
  sentence: string;
  reasons: string[];
  /** The lines of the system that decide. */
  evidence: { name: string; text: string }[];
}

/** An address asks the routes, a name asks who answers it. */
export async function explain(target: string, helper: Helper, entries: readonly Entry[], language: Language): Promise<Answer> {
  return isAddress(target)
    ? routeAnswer(target, await helper.explainRoute(target), entries, language)
    : nameAnswer(await helper.explainDns(target), entries, language);
}

export function isAddress(text: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(text) || (/^[0-9a-f:.]+$/i.test(text) && text.includes(":"));
}

export function routeAnswer(
  target: string,
  explanation: RouteExplanation,
  entries: readonly Entry[],
  language: Language,
): Answer {
  const { m } = language;
  const { rule, route, firewall } = explanation;
  const lines = [
    { name: m.explain.rule, text: rule },
    { name: m.explain.route, text: route },
    { name: m.explain.firewall, text: firewall },
  ];
  const evidence = lines.flatMap(({ name, text }) => (text === undefined ? [] : [{ name, text }]));
  return { sentence: routeSentence(target, explanation, entries, language), reasons: [], evidence };
}

export function nameAnswer({ resolver, lookups }: DnsExplanation, entries: readonly Entry[], language: Language): Answer {
  const { m } = language;
  const [first] = lookups;
  const reasons = lookups.flatMap((lookup) => [
    ...(lookups.length > 1 ? [m.explain.name(lookup.name)] : []),
    ...lookup.servers.map((server) => serverInWords(server, entries, language)),
    reasonInWords(lookup, language),
  ]);
  return { sentence: `${m.explain.name(first?.name ?? "")}: ${m.explain.resolver[resolver]}.`, reasons, evidence: [] };
}

function routeSentence(
  target: string,
  { outcome, interface: device }: RouteExplanation,
  entries: readonly Entry[],
  language: Language,
): string {
  const { explain: words } = language.m;
  switch (outcome) {
    case "leaves":
      return words.leaves(target, way(device ?? "?", entries, language));
    case "thisComputer":
      return words.thisComputer(target);
    case "refusedByRoutes":
      return words.refusedByRoutes(target);
    case "refusedByFirewall":
      return words.refusedByFirewall(target);
  }
}

/** An interface by the name of its tunnel, if it is one. */
function way(device: string, entries: readonly Entry[], { m }: Language): string {
  const entry = entries.find(({ session }) => session.interface === device);
  return entry ? m.explain.through(entry.configuration.name) : m.explain.otherInterface(device);
}

function serverInWords(server: NameLookup["servers"][number], entries: readonly Entry[], language: Language): string {
  const { explain: words } = language.m;
  if (server.refusedBy !== undefined) return words.serverRefused(server.address);
  if (server.interface === undefined) return words.serverNoWay(server.address);
  if (server.asks !== undefined) return words.serverAsks(server.asks, way(server.interface, entries, language));
  return words.serverVia(server.address, way(server.interface, entries, language));
}

function reasonInWords({ reason, domain }: NameLookup, { m }: Language): string {
  const words = m.explain.reason;
  return reason === "domain" ? words.domain(domain ?? "") : words[reason];
}
