// What goes between the app and the helper. The types of the Rust side are generated, one way only; here is what it has
// in a form of its own: rules of VPN on demand, a provider's status, the past and the log.

import type * as bindings from "./bindings";

export type {
  Counters,
  DisconnectError,
  DnsExplanation,
  DnsSettings,
  HealthItem,
  IpSettings,
  MachineStatus,
  NameLookup,
  Note,
  PacketTunnelNetworkSettings,
  Preview,
  Provider,
  ProxyServer,
  ProxySettings,
  Route,
  RouteExplanation,
  SessionDetails,
  Severity,
  TunnelProviderProtocol,
  Understood,
  Value as Json,
  VpnStatus,
} from "./bindings";

export type VpnConfiguration = bindings.VpnConfiguration & {
  onDemand?: OnDemandSettings;
  managedBy?: string;
};

export type SessionStatus = bindings.SessionStatus & {
  onDemand?: OnDemandStatus;
};

export interface Entry {
  configuration: VpnConfiguration;
  session: SessionStatus;
}

export interface OnDemandSettings {
  enabled: boolean;
  rules?: OnDemandRule[];
  userOverrideDisabled?: boolean;
  idleTimeout?: number;
}

export interface OnDemandRule {
  action: "connect" | "disconnect" | "ignore" | "evaluateConnection";
  eager?: boolean;
  connectionRules?: EvaluateConnectionRule[];
  interfaceType?: "ethernet" | "wiFi" | "cellular";
  ssids?: string[];
  bssids?: string[];
  searchDomains?: string[];
  dnsServers?: { mode: "any" | "all"; servers: string[] };
  gatewayMacs?: string[];
  metered?: boolean;
  connectionIds?: string[];
  time?: { days?: Weekday[]; from: string; until: string };
  probeUrl?: string;
}

export type Weekday = "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday";

export interface EvaluateConnectionRule {
  domains: string[];
  action: "connectIfNeeded" | "neverConnect";
  dnsServers?: string[];
  probeUrl?: string;
}

export type OnDemandStatus =
  | { state: "armed"; rule?: CurrentRule; retryAt?: string }
  | ({ state: "paused" } & PauseEnd);

export interface CurrentRule {
  index: number;
  action: string;
  reason: string;
}

export type PauseEnd =
  { until: "time"; at: string } | { until: "nextNetwork" } | { until: "nextBoot" } | { until: "byHand" };

/** The provider's own status, as the WireGuard provider has it. */
export interface WireGuardStatus {
  listenPort: number;
  peers: WireGuardPeerStatus[];
  drops: { [cause: string]: number };
}

export interface WireGuardPeerStatus {
  publicKey: string;
  endpoint?: string;
  lastHandshake?: string;
  rxBytes: number;
  txBytes: number;
  allowedIps: string[];
  persistentKeepalive?: number;
}

/** A past session. */
export interface PastSession {
  startedAt: string;
  /** Absent: it never came so far. */
  connectedAt?: string;
  endedAt: string;
  cause: "user" | "onDemand" | "helper";
  /** Absent: it was ended on purpose. */
  error?: bindings.DisconnectError;
  rxBytes: number;
  txBytes: number;
}

export interface LogLine {
  time: string;
  level: "error" | "warn" | "info" | "debug" | "trace";
  /** Which program and part of it. */
  target: string;
  text: string;
}
