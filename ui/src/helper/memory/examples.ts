// Configurations as people have them.

import type { Entry, OnDemandRule, PastSession, SessionStatus, VpnConfiguration } from "../types";

/** A tunnel for everything, with a server of its own. */
export function home(): Entry {
  return entry(
    wireGuard("1f3c8a52-0000-4000-8000-000000000001", "Home", "home.example.net", {
      addresses: ["10.20.0.2/32", "fd20::2/128"],
      dnsServers: ["10.20.0.1"],
      routes: ["0.0.0.0/0", "::/0"],
      endpoint: "home.example.net:51820",
    }),
  );
}

/** A tunnel to the networks of a company. */
export function work(): Entry {
  const configuration = wireGuard("1f3c8a52-0000-4000-8000-000000000002", "Work", "vpn.corp.example", {
    addresses: ["172.16.8.14/32"],
    dnsServers: ["172.16.0.53"],
    searchDomains: ["corp.example"],
    routes: ["172.16.0.0/12", "10.40.0.0/16", "10.41.0.0/16", "10.48.0.0/16", "192.0.2.0/24", "198.51.100.0/24"],
    endpoint: "vpn.corp.example:51820",
  });
  configuration.scope = "system";
  configuration.managedBy = "/etc/adit/work.mobileconfig";
  return entry(configuration);
}

/** A tunnel for IPv4 alone, of a provider in another country; it blocks IPv6. */
export function abroad(): Entry {
  const configuration = wireGuard("1f3c8a52-0000-4000-8000-000000000003", "Abroad", "de.example.net", {
    addresses: ["10.64.12.9/32"],
    dnsServers: ["10.64.0.1"],
    routes: ["0.0.0.0/0"],
    endpoint: "203.0.113.80:51820",
    blockIpv6: true,
  });
  configuration.protocol.includeAllNetworks = true;
  configuration.protocol.excludeLocalNetworks = true;
  configuration.profile = { profile: "net.example.abroad", payload: "Abroad", name: "Abroad" };
  return entry(configuration);
}

export const RULES: OnDemandRule[] = [
  { action: "disconnect", interfaceType: "wiFi", ssids: ["Home", "Grandma"] },
  { action: "connect", eager: true, interfaceType: "wiFi" },
  {
    action: "evaluateConnection",
    interfaceType: "ethernet",
    connectionRules: [{ domains: ["corp.example", "corp.test"], action: "connectIfNeeded" }],
  },
  { action: "ignore" },
];

/** A tunnel that connects in networks of strangers. */
export function travel(): Entry {
  const configuration = wireGuard("1f3c8a52-0000-4000-8000-000000000004", "Travel", "travel.example.org", {
    addresses: ["10.9.0.7/32", "fd09::7/128"],
    dnsServers: ["10.9.0.1"],
    routes: ["0.0.0.0/0", "::/0"],
    endpoint: "travel.example.org:443",
  });
  configuration.onDemand = { enabled: true, rules: RULES };
  const made = entry(configuration);
  made.session.onDemand = {
    state: "armed",
    rule: { index: 1, action: "connects at once", reason: "The primary network is the Wi-Fi “Café Central”." },
  };
  return made;
}

export function many(count: number): Entry[] {
  return Array.from({ length: count }, (_, i) =>
    entry(
      wireGuard(`1f3c8a52-0000-4000-9000-${String(i).padStart(12, "0")}`, `Site ${i + 1}`, `site-${i + 1}.example.net`, {
        addresses: [`10.${100 + (i >> 8)}.${i & 255}.2/32`],
        dnsServers: [],
        routes: [`10.${100 + (i >> 8)}.${i & 255}.0/24`],
        endpoint: `site-${i + 1}.example.net:51820`,
      }),
    ),
  );
}

export function history({ configuration }: Entry, now: Date): PastSession[] {
  const before = (minutes: number) => new Date(now.getTime() - minutes * 60_000).toISOString();
  const failure = (code: number, message: string) => ({ domain: "NEVPNConnectionErrorDomain", code, message });
  const common = {
    id: configuration.id,
    name: configuration.name,
    startCause: { user: { uid: 1000 } },
    stopReason: "userInitiated" as const,
    providerRestarts: 0,
  };
  return [
    {
      ...common,
      startedAt: before(1560),
      connectedAt: before(1560),
      endedAt: before(1034),
      traffic: { rxBytes: 3_412_000_000, txBytes: 214_000_000 },
    },
    {
      ...common,
      startedAt: before(3020),
      startCause: { onDemand: { rule: 1, reason: "rule 2 matched the Wi-Fi “Hotel Lux”" } },
      connectedAt: before(3020),
      endedAt: before(2988),
      stopReason: "connectionFailed",
      lastError: failure(7, "The server has stopped answering."),
      traffic: { rxBytes: 88_200_000, txBytes: 9_100_000 },
    },
    {
      ...common,
      startedAt: before(3029),
      endedAt: before(3028),
      stopReason: "connectionFailed",
      lastError: failure(6, "The server does not answer."),
      traffic: { rxBytes: 0, txBytes: 1480 },
    },
    {
      ...common,
      startedAt: before(7400),
      connectedAt: before(7400),
      endedAt: before(4460),
      stopReason: "sleep",
      traffic: { rxBytes: 18_900_000_000, txBytes: 1_240_000_000 },
    },
  ];
}

interface WireGuardParts {
  addresses: string[];
  dnsServers: string[];
  searchDomains?: string[];
  routes: string[];
  endpoint: string;
  blockIpv6?: boolean;
}

function wireGuard(id: string, name: string, server: string, parts: WireGuardParts): VpnConfiguration {
  return {
    id,
    generation: 3,
    name,
    enablement: "enabled",
    scope: "user",
    owner: 1000,
    protocol: {
      providerId: "org.adit.wireguard",
      serverAddress: server,
      expectedRoutes: parts.routes,
      enforceRoutes: parts.routes.includes("0.0.0.0/0"),
      providerConfiguration: {
        addresses: parts.addresses,
        dnsServers: parts.dnsServers,
        searchDomains: parts.searchDomains ?? [],
        blockIpv6: parts.blockIpv6 ?? false,
        peers: [
          {
            publicKey: "mQ0xPq7dW1l3v2qJmXb1yH8kq0eS6rT5uVwXyZ0aB1c=",
            endpoint: parts.endpoint,
            allowedIps: parts.routes,
            persistentKeepalive: 25,
          },
        ],
      },
    },
  };
}

function entry(configuration: VpnConfiguration): Entry {
  const session: SessionStatus = { id: configuration.id, status: "disconnected", sequence: 1, blocking: false };
  return { configuration, session };
}
