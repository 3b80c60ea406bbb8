// What goes through a tunnel, stays outside and is blocked, and how that is said.

import type { Language } from "../messages/language";
import type { PacketTunnelNetworkSettings, VpnConfiguration } from "../helper/types";

export interface Traffic {
  /** Nothing leaves but through the tunnel, whatever its routes. */
  everything: boolean;
  /** What certain apps send, all of it and nothing else. */
  perApp: boolean;
  inside: string[];
  outside: string[];
  blocked: string[];
}

export type Family = "IPv4" | "IPv6";

/** More networks than this are counted and not named. */
const MOST_NAMED = 3;

const OF_APPS: Traffic = { everything: false, perApp: true, inside: [], outside: [], blocked: [] };

/** Whether its tunnel carries what its apps send, wherever that goes. */
export function isPerApp({ routingMethod }: VpnConfiguration): boolean {
  return routingMethod === "sourceApplication";
}

/** As far as the configuration tells before the tunnel runs. */
export function expectedTraffic(configuration: VpnConfiguration): Traffic {
  const { protocol } = configuration;
  if (isPerApp(configuration)) return OF_APPS;
  const own = protocol.providerConfiguration ?? {};
  const addresses = Array.isArray(own["addresses"]) ? own["addresses"].filter((item) => typeof item === "string") : undefined;
  // A family without an address has nothing to send with, so what is routed in there is refused.
  const hasFamilyOf = (net: string) => addresses === undefined || addresses.some((address) => familyOf(address) === familyOf(net));
  const routes = protocol.expectedRoutes ?? [];
  const inside = routes.filter(hasFamilyOf);
  const blocked = routes.filter((net) => !hasFamilyOf(net));
  const blocksIpv6 = own["blockIpv6"] === true && !inside.some((net) => familyOf(net) === "IPv6");
  return {
    everything: protocol.includeAllNetworks ?? false,
    perApp: false,
    inside,
    outside: [],
    blocked: blocksIpv6 && !blocked.includes("::/0") ? [...blocked, "::/0"] : blocked,
  };
}

/** As the network settings in force have it. */
export function activeTraffic(configuration: VpnConfiguration, settings: PacketTunnelNetworkSettings): Traffic {
  if (isPerApp(configuration)) return OF_APPS;
  const families = [settings.ipv4, settings.ipv6].filter((family) => family !== undefined);
  return {
    everything: configuration.protocol.includeAllNetworks ?? false,
    perApp: false,
    inside: families.flatMap((family) => family.includedRoutes ?? []).map((route) => route.destination),
    outside: families.flatMap((family) => family.excludedRoutes ?? []).map((route) => route.destination),
    blocked: settings.blockedRoutes ?? [],
  };
}

/** One or two sentences; none when nothing is known. */
export function trafficSentence(traffic: Traffic, server: string, language: Language): string | undefined {
  const said = [insideSentence(traffic, server, language), blockedSentence(traffic, language)];
  const sentences = said.filter((sentence) => sentence !== undefined);
  return sentences.length > 0 ? sentences.join(" ") : undefined;
}

/** Whether everything that leaves the computer goes in. */
export function takesAll(traffic: Traffic): boolean {
  return traffic.everything || (ownsDefault(traffic.inside, "IPv4") && ownsDefault(traffic.inside, "IPv6"));
}

/** Whether at least one family goes in as a whole. */
export function takesDefault(traffic: Traffic): boolean {
  return traffic.everything || ownsDefault(traffic.inside, "IPv4") || ownsDefault(traffic.inside, "IPv6");
}

export function familyOf(network: string): Family {
  return network.includes(":") ? "IPv6" : "IPv4";
}

/** `a, b and 4 more networks`. */
export function named(networks: readonly string[], language: Language): string {
  if (networks.length <= MOST_NAMED + 1) return language.list(networks);
  const rest = language.m.traffic.moreNetworks(networks.length - MOST_NAMED);
  return language.list([...networks.slice(0, MOST_NAMED), rest]);
}

/** Whether these amount to the default route, also when it is written in halves so as to beat another one. */
export function ownsDefault(networks: readonly string[], family: Family): boolean {
  const [whole, halves] = family === "IPv4" ? ["0.0.0.0/0", ["0.0.0.0/1", "128.0.0.0/1"]] : ["::/0", ["::/1", "8000::/1"]];
  return networks.includes(whole) || halves.every((half) => networks.includes(half));
}

function insideSentence({ everything, perApp, inside }: Traffic, server: string, language: Language): string | undefined {
  const { traffic } = language.m;
  const [v4, v6] = [ownsDefault(inside, "IPv4"), ownsDefault(inside, "IPv6")];
  if (perApp) return traffic.perApp(server);
  if (everything || (v4 && v6)) return traffic.all(server);
  if (inside.length === 0) return undefined;
  if (!v4 && !v6) return traffic.only(inside.length, named(inside, language), server);
  const family = v4 ? "IPv4" : "IPv6";
  const rest = inside.filter((network) => familyOf(network) !== family);
  if (rest.length === 0) return traffic.allOfFamily(family, server);
  return traffic.familyAnd(family, named(rest, language), server);
}

function blockedSentence({ blocked }: Traffic, language: Language): string | undefined {
  const { traffic } = language.m;
  const [v4, v6] = [ownsDefault(blocked, "IPv4"), ownsDefault(blocked, "IPv6")];
  if (v4 && v6) return traffic.restBlocked;
  if (v4) return traffic.blocked(1, "IPv4");
  if (v6) return traffic.blocked(1, "IPv6");
  return blocked.length > 0 ? traffic.blocked(blocked.length, named(blocked, language)) : undefined;
}
