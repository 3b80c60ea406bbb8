// What goes between the app and the helper. The types of the Rust side are generated, one way only; written here are
// those of a provider's own status.

export type {
  AppSettings,
  AskedSecrets,
  Check,
  Checked,
  Counters,
  CurrentRule,
  DisconnectError,
  DnsExplanation,
  DnsSettings,
  Entry,
  EvaluateConnectionRule,
  HealthItem,
  InvalidField,
  IpSettings,
  LogLine,
  MachineStatus,
  NameLookup,
  Note,
  Obstacle,
  OnDemandRule,
  OnDemandSettings,
  OnDemandStatus,
  PacketTunnelNetworkSettings,
  PastSession,
  PauseEnd,
  Preview,
  ProfileFormat,
  ProfileOrigin,
  Provider,
  ProxyServer,
  ProxySettings,
  Route,
  RouteExplanation,
  SecretChange,
  SecretPlace,
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
