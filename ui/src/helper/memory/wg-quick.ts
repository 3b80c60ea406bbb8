// As much of wg-quick's format as pages need in a browser. In the app the crate `profile` reads and writes it.

import { Refused } from "../helper";
import type { Json, Note, VpnConfiguration } from "../types";

export const HIDDEN = "(hidden)";

export interface WrittenTunnel {
  own: { [key: string]: Json };
  /** By name; undefined where the text hides it. */
  secrets: { [name: string]: string | undefined };
  notes: Note[];
}

export function readText(text: string): WrittenTunnel {
  const own: { [key: string]: Json } = {};
  const peers: { [key: string]: Json }[] = [];
  const read: WrittenTunnel = { own, secrets: {}, notes: [] };
  let peer: { [key: string]: Json } | undefined;
  let preshared: string | undefined;
  let section: "none" | "interface" | "peer" = "none";
  text.split("\n").forEach((whole, index) => {
    const line = index + 1;
    const content = whole.split("#")[0]?.trim() ?? "";
    if (content === "") return;
    if (/^\[interface\]$/i.test(content)) return void (section = "interface");
    if (/^\[peer\]$/i.test(content)) {
      section = "peer";
      peers.push((peer = { allowedIps: [] }));
      preshared = undefined;
      return;
    }
    const [, key = "", value = ""] = /^([A-Za-z]+)\s*=\s*(.*)$/.exec(content) ?? wrong(line, `Line ${line} is neither a section such as [Peer] nor a setting such as MTU = 1420; comments begin with #.`);
    const list = value.split(",").map((item) => item.trim()).filter((item) => item !== "");
    const number = () => (/^\d+$/.test(value) ? Number(value) : wrong(line, `Line ${line}: ${key} is wrong: “${value}” is not a number.`));
    switch (`${section} ${key}`.toLowerCase()) {
      case "interface privatekey":
        return void (read.secrets["privateKey"] = value === HIDDEN ? undefined : value);
      case "interface address":
        for (const item of list) if (!/^[0-9a-f.:]+(\/\d+)?$/i.test(item)) wrong(line, `Line ${line}: Address is wrong: “${item}” is not an address such as 10.0.0.2/32 or fd00::2/128.`);
        return void (own["addresses"] = list);
      case "interface dns":
        own["dnsServers"] = list.filter((item) => /^[0-9a-f.:]*[.:][0-9a-f.:]*$/i.test(item) && !/[g-z]/i.test(item));
        own["searchDomains"] = list.filter((item) => /[g-z]/i.test(item));
        return;
      case "interface mtu":
        return void (own["mtu"] = number());
      case "interface listenport":
        return void (own["listenPort"] = number());
      case "interface postup":
      case "interface postdown":
      case "interface preup":
      case "interface predown":
        return void read.notes.push({ severity: "warning", code: "command.not-run", line, key, arguments: { command: value }, text: `The ${key} command will not be run: ${value}` });
      case "peer publickey":
        if (!/^[A-Za-z0-9+/]{43}=$/.test(value)) wrong(line, `Line ${line}: PublicKey is wrong: a key is 44 characters of base64, ending in “=”.`);
        if (peer) peer["publicKey"] = value;
        if (preshared !== undefined) read.secrets[`presharedKey:${value}`] = preshared;
        return;
      case "peer presharedkey":
        preshared = value;
        return void (read.secrets[`presharedKey:${String(peer?.["publicKey"] ?? "")}`] = value === HIDDEN ? undefined : value);
      case "peer allowedips":
        return void (peer && (peer["allowedIps"] = list));
      case "peer endpoint":
        return void (peer && (peer["endpoint"] = value));
      case "peer persistentkeepalive":
        return void (peer && (peer["persistentKeepalive"] = number()));
      default:
        wrong(line, `Line ${line}: ${key} is not a setting of WireGuard.`);
    }
  });
  if (section === "none") wrong(undefined, "There is no [Interface] section; a WireGuard configuration begins with one.");
  if (peers.length === 0) wrong(undefined, "There is no [Peer] section; a tunnel needs another end to connect to.");
  own["peers"] = peers;
  return read;
}

export function writeText({ protocol }: VpnConfiguration, key: (name: string) => string | undefined): string {
  const own = protocol.providerConfiguration ?? {};
  const list = (value: Json | undefined) => (Array.isArray(value) ? value.join(", ") : "");
  const lines = ["[Interface]"];
  const add = (name: string, value: Json | undefined) => {
    if (value !== undefined && value !== "" && value !== null) lines.push(`${name} = ${String(value)}`);
  };
  add("PrivateKey", key("privateKey"));
  add("ListenPort", own["listenPort"]);
  add("Address", list(own["addresses"]));
  add("DNS", [list(own["dnsServers"]), list(own["searchDomains"])].filter((part) => part !== "").join(", "));
  add("MTU", own["mtu"]);
  for (const peer of (own["peers"] ?? []) as { [name: string]: Json }[]) {
    lines.push("", "[Peer]");
    add("PublicKey", peer["publicKey"]);
    add("PresharedKey", key(`presharedKey:${String(peer["publicKey"])}`));
    add("AllowedIPs", list(peer["allowedIps"]));
    add("Endpoint", peer["endpoint"]);
    add("PersistentKeepalive", peer["persistentKeepalive"]);
  }
  return lines.join("\n") + "\n";
}

function wrong(line: number | undefined, sentence: string): never {
  throw new Refused({ kind: "invalid", sentence, ...(line !== undefined && { line }) });
}
