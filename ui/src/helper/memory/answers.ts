// What a running session tells of itself.

import { NOTHING, recorded, SPAN_S, type Recording } from "../../transfer/recording";
import type { Check, Counters, Entry, LogLine, SessionDetails, SessionStatus } from "../types";

export function details({ configuration, session }: Entry, now: Date): SessionDetails {
  if (session.interface === undefined) return {};
  const own = configuration.protocol.providerConfiguration as unknown as Own;
  const counters = transferred(session, now);
  const family = (of: string[], six: boolean) => of.filter((net) => net.includes(":") === six);
  const settings = (six: boolean) => {
    const addresses = family(own.addresses, six);
    const routes = family(own.peers.flatMap((peer) => peer.allowedIps), six);
    return addresses.length === 0 ? undefined : { addresses, includedRoutes: routes.map((destination) => ({ destination })) };
  };
  const [ipv4, ipv6] = [settings(false), settings(true)];
  return {
    settings: {
      tunnelRemoteAddress: "203.0.113.80",
      ...(ipv4 && { ipv4: { ...ipv4, excludedRoutes: [{ destination: "192.168.1.0/24" }] } }),
      ...(ipv6 && { ipv6 }),
      dns: {
        servers: own.dnsServers,
        protocol: "cleartext",
        ...(own.searchDomains.length > 0 && { searchDomains: own.searchDomains, matchDomains: own.searchDomains }),
      },
      tunnelOverheadBytes: 80,
      mtu: 1420,
      ...(own.blockIpv6 && { blockedRoutes: ["::/0"] }),
    },
    plan: [
      "link adit0 mtu 1420 up",
      ...own.addresses.map((address) => `address ${address} dev adit0`),
      "rule 5000: fwmark 0xad10000/0xffff0000 lookup main",
      "rule 5150: lookup 44032",
      ...own.peers.flatMap((peer) => peer.allowedIps.map((net) => `route ${net} dev adit0 table 44032 proto 173`)),
    ].join("\n"),
    counters,
    provider: {
      listenPort: 41_641,
      peers: own.peers.map((peer) => ({
        publicKey: peer.publicKey,
        endpoint: "203.0.113.80:51820",
        lastHandshake: new Date(now.getTime() - 48_000).toISOString(),
        rxBytes: counters.rxBytes,
        txBytes: counters.txBytes,
        allowedIps: peer.allowedIps,
      })),
      drops: {},
    },
  };
}

/** Bytes as somebody makes them who reads, then loads something, then listens to a stream. */
export function transferred(session: SessionStatus, now: Date): Counters {
  const since = session.connectedAt === undefined ? now : new Date(session.connectedAt);
  const seconds = Math.max((now.getTime() - since.getTime()) / 1000, 0);
  let [rxBytes, txBytes] = [0, 0];
  for (let second = 0; second < seconds; second += 1) {
    const [down, up] = rates(second);
    const part = Math.min(seconds - second, 1);
    rxBytes += down * part;
    txBytes += up * part;
  }
  return {
    rxBytes: Math.round(rxBytes),
    txBytes: Math.round(txBytes),
    rxPackets: Math.round(rxBytes / 1100),
    txPackets: Math.round(txBytes / 400),
    rxDropped: 0,
    txDropped: 0,
  };
}

export function recordingsOf(entries: readonly Entry[], now: Date): Map<string, Recording> {
  const up = entries.filter(({ session }) => session.status === "connected" || session.status === "reasserting");
  return new Map(up.map(({ configuration, session }) => [configuration.id, recordedUntil(now, session)]));
}

function recordedUntil(now: Date, session: SessionStatus): Recording {
  const seconds = Array.from({ length: SPAN_S }, (_, i) => now.getTime() / 1000 - SPAN_S + i);
  return seconds.reduce((recording, at) => recorded(recording, at, transferred(session, new Date(at * 1000))), NOTHING);
}

/** Bytes in a second, always the same for the same second. */
export function rates(second: number): [down: number, up: number] {
  const wave = (period: number, at: number) => Math.max(Math.sin(((second - at) / period) * 2 * Math.PI), 0);
  const noise = ((second * 2_654_435_761) >>> 16) / 65_536 % 1;
  const burst = second % 97 < 22 ? 2_400_000 * (0.6 + 0.4 * noise) : 0;
  const down = 60_000 + 380_000 * wave(61, 7) * (0.7 + 0.3 * noise) + burst;
  const up = 9000 + 46_000 * wave(43, 3) + (second % 97 < 24 ? 70_000 * noise : 0) + (second % 131 < 9 ? 900_000 * noise : 0);
  return [down, up];
}

export function selfTest(): Check[] {
  const stopped = { output: "wlan0", reason: "Operation not permitted" };
  const text = "What a program sends by wlan0 is stopped: Operation not permitted.";
  return [
    { code: "ordinary.inside", subject: "IPv4", outcome: "passed", text: "What programs send goes through adit0.", arguments: { what: "IPv4", tunnel: "adit0" } },
    { code: "past.stopped", subject: "IPv4 past the tunnels", outcome: "passed", text, arguments: { what: "IPv4", ...stopped } },
    { code: "ordinary.inside", subject: "IPv6", outcome: "passed", text: "What programs send goes through adit0.", arguments: { what: "IPv6", tunnel: "adit0" } },
    { code: "past.stopped", subject: "DNS past the tunnels", outcome: "passed", text, arguments: { what: "DNS", ...stopped } },
    { code: "names.inside", subject: "Names", outcome: "passed", text: "10.20.0.1 through adit0 is asked.", arguments: { server: "10.20.0.1", interface: "adit0" } },
  ];
}

export function followedLog(listener: (lines: LogLine[]) => void): () => void {
  const start = Date.now();
  const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();
  listener(
    LOG.map(([level, target, text], i) => ({ time: at((i - LOG.length) * 7), level, target, text })),
  );
  let count = 0;
  const timer = setInterval(() => {
    count += 1;
    const text = `a keepalive was sent (${count})`;
    listener([{ time: new Date().toISOString(), level: "debug", target: "adit_wireguard::peer", text }]);
  }, 4000);
  return () => clearInterval(timer);
}

const LOG: [LogLine["level"], string, string][] = [
  ["info", "adit_helper", "adit-helper 0.1.0 serves /run/adit/helper.sock"],
  ["info", "adit_helper::session", "Home: start asked by uid 1000"],
  ["debug", "adit_network::tun", "adit0: opened with 1 queue"],
  ["info", "adit_helper::provider", "Home: provider org.adit.wireguard runs, pid 4711"],
  ["debug", "adit_wireguard::peer", "handshake initiation sent"],
  ["info", "adit_wireguard", "the handshake is complete"],
  ["info", "adit_helper::session", "Home: connected"],
  ["warn", "adit_network::healing", "a route was put back that NetworkManager (pid 812) had removed"],
  ["info", "adit_helper::suspend", "the system goes to sleep"],
  ["info", "adit_helper::suspend", "the system is awake again after 2 h 4 min"],
  ["error", "adit_wireguard::udp", "the network is unreachable (os error 101)"],
  ["info", "adit_helper::session", "Home: reconnecting, the network changed"],
  ["info", "adit_helper::session", "Home: connected"],
];

interface Own {
  addresses: string[];
  dnsServers: string[];
  searchDomains: string[];
  blockIpv6: boolean;
  peers: { publicKey: string; allowedIps: string[] }[];
}
