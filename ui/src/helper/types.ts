// What goes between the app and the helper. The types of the Rust side are generated, one way only; written here are
// those of a provider's own status, of the past and of the log.

import type { DisconnectError, StartCause } from "./bindings";

export type {
  Counters,
  CurrentRule,
  DisconnectError,
  DnsExplanation,
  DnsSettings,
  Entry,
  EvaluateConnectionRule,
  HealthItem,
  IpSettings,
  MachineStatus,
  NameLookup,
  Note,
  OnDemandRule,
  OnDemandSettings,
  OnDemandStatus,
  PacketTunnelNetworkSettings,
  PauseEnd,
  Preview,
  Provider,
  ProxyServer,
  ProxySettings,
  Route,
  RouteExplanation,
  SessionDetails,
  SessionStatus,
  Severity,
  StartCause,
  TunnelProviderProtocol,
  Understood,
  Value as Json,
  VpnConfiguration,
  VpnStatus,
  Weekday,
} from "./bindings";

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

/** A session that is over, as far as is known of it. */
export interface PastSession {
  id: string;
  /** What its configuration was called when it began. */
  name: string;
  startCause: StartCause;
  startedAt: string;
  /** Absent: it never was. */
  connectedAt?: string;
  /** Absent: nobody was there to see that. */
  endedAt?: string;
  stopReason: StopReason;
  lastError?: DisconnectError;
  /** Absent: nobody was there to count. */
  traffic?: { rxBytes: number; txBytes: number };
  /** How often a provider that died was replaced. */
  providerRestarts: number;
}

/** Apple's `NEProviderStopReason`. */
export type StopReason =
  | "none"
  | "userInitiated"
  | "providerFailed"
  | "noNetworkAvailable"
  | "unrecoverableNetworkChange"
  | "providerDisabled"
  | "authenticationCanceled"
  | "configurationFailed"
  | "idleTimeout"
  | "configurationDisabled"
  | "configurationRemoved"
  | "superceded"
  | "userLogout"
  | "userSwitch"
  | "connectionFailed"
  | "sleep"
  | "appUpdate"
  | "internalError";

export interface LogLine {
  time: string;
  level: "error" | "warn" | "info" | "debug" | "trace";
  /** Which program and part of it. */
  target: string;
  text: string;
}
