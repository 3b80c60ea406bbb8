import { describe, expect, it } from "vitest";

import json from "../../../crates/wireguard/schema.json";
import type { Json } from "../helper/types";
import { faultsOf, isAddress, isNetwork } from "./faults";
import { fieldsOf, listOfSecret, secretName, secretsOf, type Schema } from "./schema";

const SCHEMA = json as Schema;
const KEY = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

describe("the fields of a schema", () => {
  it("are all that WireGuard's has, in its order", () => {
    const kinds = fieldsOf(SCHEMA).map(({ name, kind }) => `${name}: ${kind}`);
    expect(kinds).toEqual([
      "addresses: texts",
      "dnsServers: texts",
      "searchDomains: texts",
      "matchDomains: texts",
      "dnsProtocol: choice",
      "mtu: number",
      "listenPort: number",
      "fwmark: number",
      "table: choice",
      "blockIpv6: flag",
      "saveConfig: flag",
      "scripts: group",
      "peers: groups",
    ]);
  });

  it("say what is below a choice and within a list", () => {
    const [, , , , dns] = fieldsOf(SCHEMA);
    if (dns?.kind !== "choice") throw new Error("no choice");
    expect(dns.options.map(({ title, value, fields }) => [title, value, fields.map(({ name }) => name)])).toEqual([
      ["None", "cleartext", []],
      ["DNS over TLS", {}, ["tls"]],
      ["DNS over HTTPS", {}, ["https"]],
    ]);
    const peers = fieldsOf(SCHEMA).at(-1);
    if (peers?.kind !== "groups" || peers.item.kind !== "group") throw new Error("no groups");
    expect(peers.item.fields.map(({ place, isRequired }) => [place, isRequired])).toContainEqual(["peers.publicKey", true]);
  });

  it("leave what no form can show to the text", () => {
    const odd: Schema = { type: "object", properties: { any: {}, deep: { type: "array", items: { type: "array", items: {} } } } };
    expect(fieldsOf(odd).map(({ kind }) => kind)).toEqual(["other", "other"]);
  });

  it("know the secrets and whose they are", () => {
    const [own, preshared] = secretsOf(SCHEMA);
    expect(own).toMatchObject({ name: "privateKey", isKeyPair: true, isRequired: true });
    expect(preshared).toMatchObject({ isKeyPair: false, isRequired: false });
    expect(listOfSecret(preshared?.name ?? "")).toEqual({ list: "peers", property: "publicKey" });
    expect(listOfSecret("privateKey")).toBeUndefined();
    expect(secretName(preshared?.name ?? "", "a$&b")).toBe("presharedKey:a$&b");
  });
});

describe("faults", () => {
  const faults = (change: { [key: string]: Json }) =>
    faultsOf(fieldsOf(SCHEMA), {
      addresses: ["10.0.0.2/32"],
      peers: [{ publicKey: KEY, endpoint: "a.test:51820", allowedIps: ["0.0.0.0/0", "::/0"] }],
      ...change,
    }).map(({ place, why }) => `${place}: ${why.kind}`);

  it("are none in what is right", () => {
    expect(faults({})).toEqual([]);
    expect(faults({ dnsProtocol: { tls: { serverName: "dns.example" } }, table: { table: 7 }, mtu: 1420 })).toEqual([]);
  });

  it("are named where they are and as what they are", () => {
    expect(faults({ addresses: [] })).toEqual(["addresses: few"]);
    expect(faults({ addresses: ["10.0.0.2/32", "10.0.0.2"] })).toEqual(["addresses[1]: network"]);
    expect(faults({ dnsServers: ["9.9.9.9", "9.9.9.9", "nine"] })).toEqual(["dnsServers[1]: twice", "dnsServers[2]: address"]);
    expect(faults({ searchDomains: ["a b"] })).toEqual(["searchDomains[0]: hostname"]);
    expect(faults({ mtu: 100 })).toEqual(["mtu: least"]);
    expect(faults({ mtu: 1.5 })).toEqual(["mtu: number"]);
    expect(faults({ listenPort: 70_000 })).toEqual(["listenPort: most"]);
    expect(faults({ table: "main" })).toEqual(["table: form"]);
    expect(faults({ dnsProtocol: { https: { serverUrl: "dns" } } })).toEqual(["dnsProtocol.https.serverUrl: uri"]);
    expect(faults({ dnsProtocol: { tls: {} } })).toEqual(["dnsProtocol.tls.serverName: missing"]);
    const peers = [{ publicKey: "short", endpoint: "a.test:0", allowedIps: ["10.0.0.0/33"] }, {}];
    expect(faults({ peers })).toEqual([
      "peers[0].publicKey: key",
      "peers[0].endpoint: endpoint",
      "peers[0].allowedIps[0]: network",
      "peers[1].publicKey: missing",
    ]);
  });

  it("know addresses", () => {
    for (const good of ["0.0.0.0", "255.1.2.3", "::", "::1", "fd00::1", "1:2:3:4:5:6:7:8", "::ffff:10.0.0.1"])
      expect(isAddress(good), good).toBe(true);
    for (const bad of ["", "256.0.0.1", "1.2.3", "01.2.3.4", "1::2::3", "1:2:3", "1:2:3:4:5:6:7:8:9", "g::", "::10.0.0"])
      expect(isAddress(bad), bad).toBe(false);
    expect(isNetwork("fd00::/129")).toBe(false);
    expect(isNetwork("10.0.0.0/8/8")).toBe(false);
  });
});
