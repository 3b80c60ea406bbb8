// The network of a session as facts: what is in force, or what is configured while nothing is.

import type { DnsSettings, Entry, PacketTunnelNetworkSettings, ProxyServer, ProxySettings, SessionDetails } from "../helper/types";
import type { Language } from "../messages/language";
import type { Fact } from "./path-facts";
import { activeTraffic, expectedTraffic, takesDefault, type Traffic } from "./traffic";

export function networkFacts(entry: Entry, details: SessionDetails, language: Language): Fact[] {
  const [{ configuration }, { settings }] = [entry, details];
  const facts = settings
    ? inForce(settings, activeTraffic(configuration, settings), language)
    : configured(configuration.protocol.providerConfiguration ?? {}, expectedTraffic(configuration), language);
  const proxy = proxyOf(entry, details);
  const proxies = { name: language.m.network.proxy, values: proxy ? proxyInWords(proxy, language) : [] };
  return [...facts, proxies].filter((fact) => fact.values.length > 0);
}

/** What the tunnel asks for counts before what its configuration does. */
export function proxyOf({ configuration }: Entry, { settings }: SessionDetails): ProxySettings | undefined {
  return settings?.proxy ?? configuration.protocol.proxy;
}

function inForce(settings: PacketTunnelNetworkSettings, traffic: Traffic, language: Language): Fact[] {
  const { m } = language;
  const { dns } = settings;
  return [
    { name: m.network.addresses, values: [...(settings.ipv4?.addresses ?? []), ...(settings.ipv6?.addresses ?? [])], isFixed: true },
    ...routes(traffic, language),
    { name: m.network.dns, values: dns ? dnsInWords(dns, takesDefault(traffic), language) : [m.network.dnsNone] },
    { name: m.network.search, values: dns?.searchDomains ?? [] },
  ];
}

function configured(own: { [key: string]: unknown }, traffic: Traffic, language: Language): Fact[] {
  const { m } = language;
  const servers = texts(own["dnsServers"]);
  return [
    { name: m.network.addresses, values: texts(own["addresses"]), isFixed: true },
    ...routes(traffic, language),
    { name: m.network.dns, values: servers.length > 0 ? [language.list(servers)] : [m.network.dnsNone] },
    { name: m.network.search, values: texts(own["searchDomains"]) },
  ];
}

function routes({ inside, outside, blocked }: Traffic, { m }: Language): Fact[] {
  return [
    { name: m.network.included, values: inside, isFixed: true },
    { name: m.network.excluded, values: outside, isFixed: true },
    { name: m.network.blocked, values: blocked, isFixed: true },
  ];
}

/** Who answers what. Without match domains a tunnel that is the default route answers all names. */
function dnsInWords(dns: DnsSettings, isDefault: boolean, language: Language): string[] {
  const { m } = language;
  if (dns.servers.length === 0) return [m.network.dnsNone];
  const servers = `${language.list(dns.servers)}${dnsProtocol(dns, language)}`;
  const domains = dns.matchDomains?.filter((domain) => domain !== "");
  const all = dns.matchDomains ? dns.matchDomains.includes("") : isDefault;
  if (all) return [m.network.dnsAll(servers)];
  return domains && domains.length > 0 ? [m.network.dnsDomains(servers, language.list(domains))] : [m.network.dnsNone];
}

function dnsProtocol({ protocol }: DnsSettings, { m }: Language): string {
  if (protocol === "cleartext") return "";
  return "tls" in protocol ? ` ${m.network.dnsTls}` : ` ${m.network.dnsHttps}`;
}

function proxyInWords({ mode }: ProxySettings, { m }: Language): string[] {
  if ("script" in mode) return [m.network.proxyScript];
  if ("scriptUrl" in mode) return [mode.scriptUrl];
  const { http, https } = mode.servers;
  return [...(http ? [`http: ${authority(http)}`] : []), ...(https ? [`https: ${authority(https)}`] : [])];
}

function authority({ address, port }: ProxyServer): string {
  return address.includes(":") && !address.startsWith("[") ? `[${address}]:${port}` : `${address}:${port}`;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
