// What is known of one part of the way.

import type { Entry, SessionDetails, WireGuardStatus } from "../helper/types";
import type { Language } from "../messages/language";

export type Part = "computer" | "tunnel" | "server" | "internet";

/** A fact that can be copied. */
export interface Fact {
  name: string;
  values: readonly string[];
  /** Whether its values are for machines: addresses, keys. */
  isFixed?: boolean;
}

export function partFacts(part: Part, entry: Entry, details: SessionDetails, language: Language): Fact[] {
  const facts = { computer, tunnel, server, internet }[part](entry, details, language);
  return facts.filter((fact) => fact.values.length > 0);
}

/** The status of the WireGuard provider, if it is one. */
export function wireGuardStatus({ provider }: SessionDetails): WireGuardStatus | undefined {
  const isStatus = provider !== null && typeof provider === "object" && "peers" in provider && Array.isArray(provider["peers"]);
  return isStatus ? (provider as unknown as WireGuardStatus) : undefined;
}

function computer(_: Entry, { settings }: SessionDetails, { m }: Language): Fact[] {
  const addresses = [...(settings?.ipv4?.addresses ?? []), ...(settings?.ipv6?.addresses ?? [])];
  if (addresses.length === 0) return [{ name: m.path.interface, values: [m.path.notYet] }];
  return [{ name: m.network.addresses, values: addresses, isFixed: true }];
}

function tunnel({ configuration, session }: Entry, { settings }: SessionDetails, language: Language): Fact[] {
  const { m } = language;
  return [
    { name: m.path.interface, values: [session.interface ?? m.path.notYet], isFixed: session.interface !== undefined },
    { name: m.path.ethernet, values: settings?.ethernetAddress ? [settings.ethernetAddress] : [], isFixed: true },
    { name: m.path.provider, values: [configuration.protocol.providerId], isFixed: true },
    { name: m.path.mtu, values: settings?.mtu === undefined ? [] : [m.path.bytes(language.number(settings.mtu))] },
  ];
}

function server({ configuration }: Entry, details: SessionDetails, { m }: Language): Fact[] {
  const peers = wireGuardStatus(details)?.peers ?? [];
  const endpoints = peers.flatMap((peer) => peer.endpoint ?? []);
  return [
    { name: m.path.server, values: [configuration.protocol.serverAddress] },
    { name: m.path.endpoint, values: endpoints, isFixed: true },
    { name: m.path.publicKey, values: peers.map((peer) => peer.publicKey), isFixed: true },
  ];
}

function internet({ configuration }: Entry, { settings }: SessionDetails, { m }: Language): Fact[] {
  const included = [...(settings?.ipv4?.includedRoutes ?? []), ...(settings?.ipv6?.includedRoutes ?? [])];
  const routes = settings ? included.map((route) => route.destination) : (configuration.protocol.expectedRoutes ?? []);
  return [{ name: m.network.included, values: routes, isFixed: true }];
}
