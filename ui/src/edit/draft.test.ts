import { describe, expect, it } from "vitest";

import type { Json, VpnConfiguration } from "../helper/types";
import { isChanged, isSame, merged, secretNames, withSecretChanges } from "./draft";
import { fromJsonText, toJsonText } from "./json-text";
import { at, inWords, put, stepsOf } from "./path";

describe("a draft", () => {
  it("is changed when it means something else", () => {
    const base = example({ mtu: 1400, dnsServers: ["10.0.0.1"] });
    expect(isChanged(base, { configuration: base, secretChanges: {} })).toBe(false);
    expect(isSame(base, example({ dnsServers: ["10.0.0.1"], mtu: 1400, searchDomains: [] }))).toBe(true);
    expect(isSame(base, example({ mtu: 1400 }))).toBe(false);
    expect(isChanged(base, { configuration: base, secretChanges: { privateKey: { keyOf: "x" } } })).toBe(true);
  });

  it("knows which secrets there will be", () => {
    const changes = { new: { set: "a" }, gone: { remove: {} }, own: { keyOf: "b" } };
    expect(secretNames(["gone", "kept", "own"], changes)).toEqual(["kept", "new", "own"]);
    expect(withSecretChanges({ fresh: { set: "a" } }, { fresh: { remove: {} }, old: { remove: {} } }, ["old"])).toEqual({
      old: { remove: {} },
    });
  });
});

describe("a change by somebody else", () => {
  it("is taken where only they changed something", () => {
    const base = example({ mtu: 1400, dnsServers: ["10.0.0.1"] });
    const mine = { ...example({ mtu: 1380, dnsServers: ["10.0.0.1"] }), name: "Mine" };
    const theirs = { ...example({ mtu: 1400, dnsServers: ["10.0.0.2"] }), generation: 4 };
    const { configuration, conflicts } = merged(base, mine, theirs);
    expect(conflicts).toEqual([]);
    expect(configuration).toMatchObject({ name: "Mine", generation: 4 });
    expect(configuration.protocol.providerConfiguration).toEqual({ mtu: 1380, dnsServers: ["10.0.0.2"] });
  });

  it("is a conflict where both did, and nothing typed is lost", () => {
    const base = example({ mtu: 1400 });
    const { configuration, conflicts } = merged(base, example({ mtu: 1380 }), { ...example({ mtu: 1300 }), generation: 4 });
    expect(conflicts).toEqual([{ steps: ["protocol", "providerConfiguration", "mtu"], mine: 1380, theirs: 1300 }]);
    expect(configuration.protocol.providerConfiguration).toEqual({ mtu: 1380 });
    expect(configuration.generation).toBe(4);
  });
});

describe("places", () => {
  it("are read and written without touching the rest", () => {
    const whole: Json = { peers: [{ key: "a" }, { key: "b" }], mtu: 1 };
    expect(at(whole, ["peers", 1, "key"])).toBe("b");
    expect(at(whole, ["peers", 5, "key"])).toBeUndefined();
    expect(put(whole, ["peers", 1, "key"], "c")).toEqual({ peers: [{ key: "a" }, { key: "c" }], mtu: 1 });
    expect(put(whole, ["peers", 0], undefined)).toEqual({ peers: [{ key: "b" }], mtu: 1 });
    expect(put(whole, ["mtu"], undefined)).toEqual({ peers: [{ key: "a" }, { key: "b" }] });
    expect(put(undefined, ["a", "b"], 1)).toEqual({ a: { b: 1 } });
    expect(whole).toEqual({ peers: [{ key: "a" }, { key: "b" }], mtu: 1 });
    expect(inWords(["peers", 0, "allowedIps", 2])).toBe("peers[0].allowedIps[2]");
    expect(stepsOf("protocol.peers[0].allowedIps[12]")).toEqual(["protocol", "peers", 0, "allowedIps", 12]);
  });
});

describe("a text of JSON", () => {
  it("means what it was written from", () => {
    const base = example({ mtu: 1400, peers: [{ endpoint: "a" }] });
    expect(fromJsonText(toJsonText(base), base, String)).toEqual(base);
  });

  it("is refused with its line", () => {
    const lineOf = (text: string) => {
      try {
        fromJsonText(text, example({}), (line) => `line ${line}`);
      } catch (error) {
        return (error as { line: number }).line;
      }
      return undefined;
    };
    expect(lineOf('{\n  "a": 1\n  "b": 2\n}')).toBeGreaterThanOrEqual(2);
    expect(lineOf("{\n  a\n}")).toBe(2);
    expect(lineOf("[]")).toBe(1);
  });
});

function example(providerConfiguration: { [key: string]: Json }): VpnConfiguration {
  return {
    id: "1",
    generation: 3,
    name: "Home",
    enablement: "enabled",
    scope: "user",
    owner: 1000,
    protocol: { providerId: "org.example", serverAddress: "a", providerConfiguration },
  };
}
