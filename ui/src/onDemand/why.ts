// Why a rule holds now or does not, in words: what its conditions found of the network.

import type { NetworkState, OnDemandExplanation, PrimaryNetwork } from "../helper/bindings";
import type { OnDemandRule } from "../helper/types";
import type { Language } from "../messages/language";
import { conditionsOf, type Condition } from "./rules";

export interface Reason {
  holds: boolean;
  /** A sentence. */
  text: string;
}

/** A reason for each rule that was looked at; those behind the one that holds have none. */
export function reasons(rules: readonly OnDemandRule[], { network, verdict }: OnDemandExplanation, language: Language): (Reason | undefined)[] {
  const { why } = language.m;
  return rules.map((rule, index) => {
    const trace = verdict?.trace[index];
    if (trace?.outcome === "matched") return { holds: true, text: networkInWords(network, language) };
    if (trace?.outcome !== "notMatched") return undefined;
    const conditions = conditionsOf(rule);
    const found = trace.conditions ?? [];
    // A condition that only a later version knows stands among them.
    if (found.length !== conditions.length) return undefined;
    const failed = conditions.find((_, at) => found[at]?.outcome === "failed");
    return failed && { holds: false, text: why.not(seenInWords(failed, rule, network, language)) };
  });
}

/** The network that the computer is in, as a sentence. */
export function networkInWords({ primary }: NetworkState, language: Language): string {
  const { why } = language.m;
  return primary ? why.in(nameOf(primary, language)) : why.offlineNow;
}

function nameOf({ kind, ssid, interface: device }: PrimaryNetwork, { m }: Language): string {
  const { why } = m;
  if (kind === "wiFi" && ssid !== undefined) return why.wiFiCalled(m.rule.quoted(ssid));
  return why.kinds[kind](device);
}

/** What a condition was held against; a part of a sentence. */
function seenInWords(condition: Condition, rule: OnDemandRule, { primary }: NetworkState, language: Language): string {
  const { why, rule: words } = language.m;
  if (condition === "time") return why.outOfTime;
  if (!primary) return why.offline;
  const listed = (found: readonly string[] | undefined, some: (list: string) => string, none: string) =>
    found && found.length > 0 ? some(language.list(found)) : none;
  switch (condition) {
    case "interfaceType":
      return why.isIn(nameOf(primary, language));
    case "ssids":
      return primary.kind === "wiFi" && primary.ssid === undefined ? why.noName : why.isIn(nameOf(primary, language));
    case "bssids":
      return primary.bssid === undefined ? why.noAccessPoint : why.accessPoint(primary.bssid);
    case "searchDomains":
      return listed(primary.searchDomains, why.searchDomains, why.noSearchDomains);
    case "dnsServers":
      return listed(primary.dnsServers, why.dnsServers, why.noDnsServers);
    case "gatewayMacs": {
      const macs = (primary.gateways ?? []).map(({ mac }) => mac).filter((mac) => mac !== undefined);
      return listed(macs, why.routers, why.noRouters);
    }
    case "metered":
      return primary.metered === undefined ? why.unknownCost : primary.metered ? why.costs : why.free;
    case "connectionIds":
      return primary.connectionId === undefined ? why.noConnection : why.connection(words.quoted(primary.connectionId));
    case "probeUrl":
      return why.noAnswer(rule.probeUrl ?? "");
  }
}
