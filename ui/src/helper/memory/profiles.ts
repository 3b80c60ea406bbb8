// Files and texts in the browser's memory.

import { Refused, type Secrets } from "../helper";
import type { Profiles } from "../profiles";
import type { Note, Preview, ProfileOrigin, SecretChange, VpnConfiguration } from "../types";
import { HIDDEN, readText, writeText } from "./wg-quick";

const PROVIDER = "org.adit.wireguard";

export interface Store {
  configuration(id: string): VpnConfiguration;
  secrets(id: string): Secrets;
  /** The stored configuration that came in this part of this profile. */
  version(origin: ProfileOrigin): VpnConfiguration | undefined;
  put(configuration: VpnConfiguration, secrets: Secrets): VpnConfiguration;
}

export function memoryProfiles(store: Store): Profiles {
  const opened = new Map<string, Secrets>();
  let last = 0;
  const open = (name: string, text: string, profile?: string): Preview => {
    const { own, secrets, notes } = readText(text);
    const id = `1f3c8a52-0000-4000-a000-${String(++last).padStart(12, "0")}`;
    const configuration = completed({
      id,
      generation: 0,
      name,
      enablement: "enabled",
      scope: "user",
      owner: 1000,
      protocol: { providerId: PROVIDER, serverAddress: "", providerConfiguration: own },
    });
    const isFull = (configuration.protocol.expectedRoutes ?? []).includes("0.0.0.0/0");
    if (isFull) configuration.protocol.enforceRoutes = true;
    if (isFull && !(configuration.protocol.expectedRoutes ?? []).includes("::/0")) own["blockIpv6"] = true;
    const known = Object.entries(secrets).filter((entry): entry is [string, string] => entry[1] !== undefined);
    opened.set(id, Object.fromEntries(known));
    const secretNames = known.map(([secret]) => secret);
    if (profile === undefined) return { configuration, secretNames, notes };
    configuration.profile = { profile, payload: name, name };
    const stored = store.version(configuration.profile);
    if (!stored) return { configuration, secretNames, notes };
    return { configuration: { ...configuration, name: stored.name }, replaces: stored.id, secretNames, notes };
  };
  return {
    generateKey: async () => randomKey(),
    publicKey: async () => "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
    check: async (configuration) => ({ configuration: completed(configuration), notes: lint(configuration) }),
    toText: async (configuration, names) => writeText(configuration, (name) => (names.includes(name) ? HIDDEN : undefined)),
    fromText: async (text, configuration, names) => {
      const { own, secrets, notes } = readText(text);
      const secretChanges: { [name: string]: SecretChange } = {};
      for (const name of names) if (!(name in secrets)) secretChanges[name] = { remove: {} };
      for (const [name, secret] of Object.entries(secrets)) if (secret !== undefined) secretChanges[name] = { set: secret };
      const kept = { blockIpv6: configuration.protocol.providerConfiguration?.["blockIpv6"] ?? false };
      const protocol = { ...configuration.protocol, providerConfiguration: { ...kept, ...own } };
      return { configuration: completed({ ...configuration, protocol }), secretChanges, notes };
    },
    watchOpened: () => () => {},
    openProfile: async (fileName, content) => {
      const text = new TextDecoder().decode(content);
      const inside = payloads(text);
      return inside.length === 0 ? [open(fileName.replace(/\.conf$/i, ""), text)] : inside.map((payload) => open(payload.name, payload.text, payload.profile));
    },
    importProfile: async (configuration, replaces) => {
      const secrets = opened.get(configuration.id);
      if (!secrets) throw new Refused({ kind: "gone", sentence: "The file was opened too long ago. Open it again." });
      const place = replaces === undefined ? {} : { id: replaces, generation: store.configuration(replaces).generation };
      const stored = store.put({ ...configuration, ...place }, secrets);
      opened.delete(configuration.id);
      return stored;
    },
    discardProfile: async (id) => void opened.delete(id),
    exportProfile: async (id, format) => {
      const [configuration, secrets] = [store.configuration(id), store.secrets(id)];
      if (format === "adit") return JSON.stringify({ adit: 1, configuration, secrets }, undefined, 2);
      return writeText(configuration, (name) => secrets[name]);
    },
    saveFile: async (name, content) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([content], { type: "text/plain" }));
      link.download = name;
      link.click();
      URL.revokeObjectURL(link.href);
      return true;
    },
  };
}

/** The VPNs of one of Apple's profiles. In the app the crate `profile` finds them. */
function payloads(text: string): { name: string; text: string; profile: string }[] {
  const value = (key: string) => [...text.matchAll(new RegExp(`<key>${key}</key>\\s*<string>([^<]*)</string>`, "g"))].map(([, found]) => found ?? "");
  const names = value("UserDefinedName");
  const profile = value("PayloadIdentifier").at(-1) ?? "";
  return value("WgQuickConfig").map((inside, index) => ({ name: names[index] ?? "VPN", text: inside, profile }));
}

function completed(configuration: VpnConfiguration): VpnConfiguration {
  const own = (configuration.protocol.providerConfiguration ?? {}) as { peers?: { endpoint?: string; allowedIps?: string[] }[] };
  const endpoint = own.peers?.find((peer) => peer.endpoint)?.endpoint ?? "";
  const protocol = {
    ...configuration.protocol,
    serverAddress: endpoint.replace(/:\d+$/, "") || "any address",
    expectedRoutes: (own.peers ?? []).flatMap((peer) => peer.allowedIps ?? []),
  };
  return { ...configuration, protocol };
}

function lint(configuration: VpnConfiguration): Note[] {
  const { protocol } = completed(configuration);
  const own = (protocol.providerConfiguration ?? {}) as { dnsServers?: string[]; blockIpv6?: boolean };
  const routes = protocol.expectedRoutes ?? [];
  const dns = String((own.dnsServers ?? []).length > 0);
  const note = (severity: Note["severity"], code: Note["code"], args: { [name: string]: string } = {}): Note => ({ severity, code, arguments: args, text: code });
  const way = { dns, server: protocol.serverAddress, networks: routes.slice(0, 3).join(", "), more: String(Math.max(routes.length - 3, 0)) };
  const [four, six] = [routes.includes("0.0.0.0/0"), routes.includes("::/0")];
  const notes = [note("notice", four && six ? "route.all" : four ? "route.all-ipv4" : routes.length === 0 ? "route.nothing" : "route.some", way)];
  if (four && !six) notes.push(own.blockIpv6 ? note("notice", "ipv6.blocked") : note("warning", "family.leaks", { full: "IPv4", other: "IPv6", partly: "false" }));
  if (four && dns === "false") notes.push(note("warning", "dns.none"));
  if (four && protocol.enforceRoutes) notes.push(note("notice", protocol.excludeLocalNetworks ? "routes.enforced-but-local" : "routes.enforced"));
  return notes;
}

function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return btoa(String.fromCharCode(...bytes));
}
