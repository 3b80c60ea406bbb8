// What goes between the app and the helper: the JSON of the crates `model` and `api`. An optional field is absent,
// never null; times are RFC 3339, networks CIDR.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface VpnConfiguration {
  id: string;
  generation: number;
  name: string;
  enablement: "enabled" | "setAside" | "disabled";
  scope: "user" | "system";
  owner: number;
  protocol: TunnelProviderProtocol;
  onDemand?: OnDemandSettings;
  managedBy?: string;
}

export interface TunnelProviderProtocol {
  providerId: string;
  serverAddress: string;
  username?: string;
  providerConfiguration?: { [key: string]: Json };
  expectedRoutes?: string[];
  proxy?: ProxySettings;
  disconnectOnSleep?: boolean;
  includeAllNetworks?: boolean;
  excludeLocalNetworks?: boolean;
  enforceRoutes?: boolean;
}

export type VpnStatus = "invalid" | "disconnected" | "connecting" | "connected" | "reasserting" | "disconnecting";

export interface SessionStatus {
  id: string;
  status: VpnStatus;
  sequence: number;
  connectedAt?: string;
  interface?: string;
  blocking: boolean;
  lastError?: DisconnectError;
  onDemand?: OnDemandStatus;
  health?: HealthItem[];
}

export interface DisconnectError {
  domain: string;
  code: number;
  message: string;
}

export type Severity = "notice" | "warning" | "problem";

export interface HealthItem {
  code: string;
  severity: Severity;
  title: string;
  text: string;
  action?: string;
}

export interface MachineStatus {
  lockdown?: { allowLocalNetworks: boolean; setBy: number };
  blocking: boolean;
  health?: HealthItem[];
}

export interface Entry {
  configuration: VpnConfiguration;
  session: SessionStatus;
}

export interface SessionDetails {
  settings?: PacketTunnelNetworkSettings;
  plan?: string;
  counters?: Counters;
  provider?: Json;
}

export interface Counters {
  rxBytes: number;
  txBytes: number;
  rxPackets: number;
  txPackets: number;
  rxDropped: number;
  txDropped: number;
}

export interface PacketTunnelNetworkSettings {
  tunnelRemoteAddress: string;
  ipv4?: IpSettings;
  ipv6?: IpSettings;
  dns?: DnsSettings;
  proxy?: ProxySettings;
  mtu?: number;
  tunnelOverheadBytes?: number;
  blockedRoutes?: string[];
  routeTable?: "auto" | "off" | { table: number };
}

export interface IpSettings {
  addresses: string[];
  includedRoutes?: Route[];
  excludedRoutes?: Route[];
}

export interface Route {
  destination: string;
  gateway?: string;
}

export interface DnsSettings {
  servers: string[];
  protocol: "cleartext" | { tls: { serverName: string } } | { https: { serverUrl: string } };
  searchDomains?: string[];
  domainName?: string;
  matchDomains?: string[];
  matchDomainsNoSearch?: boolean;
  allowFailover?: boolean;
}

export interface ProxySettings {
  mode: { script: string } | { scriptUrl: string } | { servers: { http?: ProxyServer; https?: ProxyServer } };
  excludeSimpleHostnames?: boolean;
  exceptionList?: string[];
  matchDomains?: string[];
}

export interface ProxyServer {
  address: string;
  port: number;
  username?: string;
  password?: string;
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

export interface Provider {
  id: string;
  name?: string;
  kinds?: string[];
  reason?: string;
}

export interface RouteExplanation {
  outcome: "leaves" | "thisComputer" | "refusedByRoutes" | "refusedByFirewall";
  interface?: string;
  rule?: string;
  route?: string;
  firewall?: string;
}

export interface DnsExplanation {
  resolver: "resolved" | "networkManager" | "resolvconf" | "file";
  lookups: NameLookup[];
}

export interface NameLookup {
  name: string;
  reason: "hosts" | "thisComputer" | "domain" | "defaultRoute" | "oneList" | "singleLabel" | "noServers";
  domain?: string;
  servers: { address: string; interface?: string; refusedBy?: string }[];
}

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
  error?: DisconnectError;
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
