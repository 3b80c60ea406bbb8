import { describe, expect, it } from "vitest";

import type { OnDemandRule } from "../helper/types";
import { ACTIONS, actionOf, CONDITIONS, conditionsOf, hintsOf, isFault, moved, placeAt, withAction, withCondition, withoutCondition, withTexts } from "./rules";

describe("a rule", () => {
  it("takes every condition and gives it back", () => {
    for (const condition of CONDITIONS) {
      const with_ = withCondition({ action: "ignore" }, condition);
      expect(conditionsOf(with_)).toEqual([condition]);
      expect(withoutCondition(with_, condition)).toEqual({ action: "ignore" });
    }
  });

  it("has what its action needs and nothing else", () => {
    for (const action of ACTIONS) expect(actionOf(withAction({ action: "ignore", ssids: ["Café"] }, action))).toBe(action);
    const decides = withAction({ action: "connect", eager: true }, "evaluateConnection");
    expect(decides).toEqual({ action: "evaluateConnection", connectionRules: [{ domains: [], action: "connectIfNeeded" }] });
    expect(withAction(decides, "disconnect")).toEqual({ action: "disconnect" });
  });

  it("moves without losing another", () => {
    expect(moved(["a", "b", "c"], 0, 2)).toEqual(["b", "c", "a"]);
    expect(moved(["a", "b", "c"], 2, 1)).toEqual(["a", "c", "b"]);
    expect(moved(["a", "b", "c"], 0, -1)).toEqual(["a", "b", "c"]);
  });
});

it("what is dragged lands between those whose middles it has passed", () => {
  const middles = [50, 150, 250, 350];
  expect([0, 120, 160, 260, 999].map((y) => placeAt(y, middles, 0))).toEqual([0, 0, 1, 2, 3]);
  expect([10, 60, 240, 340].map((y) => placeAt(y, middles, 3))).toEqual([0, 1, 2, 3]);
});

describe("hints", () => {
  const kinds = (rules: OnDemandRule[]) => hintsOf(rules).map(({ kind }) => kind);

  it("are none for rules that end with one for everything", () => {
    expect(kinds([{ action: "disconnect", ssids: ["Home"] }, { action: "connect", eager: true }])).toEqual([]);
    expect(kinds([])).toEqual([]);
  });

  it("say where nothing happens and what is never reached", () => {
    expect(kinds([{ action: "connect", ssids: ["Café"] }])).toEqual(["noCatchAll"]);
    expect(hintsOf([{ action: "connect" }, { action: "ignore", metered: true }])).toEqual([{ kind: "unreachable", index: 1, by: 0 }]);
    expect(kinds([{ action: "connect", interfaceType: "ethernet", ssids: ["Café"] }, { action: "ignore" }])).toEqual(["neverHolds"]);
  });

  it("name what cannot be saved", () => {
    const end: OnDemandRule = { action: "ignore" };
    const faults = (rule: OnDemandRule) => hintsOf([rule, end]).filter(isFault).map(({ kind }) => kind);
    expect(faults({ action: "connect", ssids: [] })).toEqual(["empty"]);
    expect(faults({ action: "connect", probeUrl: "" })).toEqual(["empty"]);
    expect(faults({ action: "connect", probeUrl: "file:///etc/passwd" })).toEqual(["wrong"]);
    expect(faults({ action: "connect", bssids: ["aa:bb:cc:dd:ee:ff"], gatewayMacs: ["aa-bb"] })).toEqual(["wrong"]);
    expect(faults({ action: "connect", searchDomains: ["*.corp.example", "corp example"] })).toEqual(["wrong"]);
    expect(faults({ action: "connect", dnsServers: { mode: "all", servers: ["10.0.0.1", "10.0.*", "fd00::1"] } })).toEqual([]);
    expect(faults({ action: "connect", dnsServers: { mode: "all", servers: ["ns.example"] } })).toEqual(["wrong"]);
    expect(faults({ action: "evaluateConnection", connectionRules: [{ domains: [], action: "neverConnect" }] })).toEqual(["noDomains"]);
  });
});

it("a list within a condition is replaced where it stands", () => {
  expect(withTexts({ action: "ignore", ssids: [] }, "ssids", ["a"])).toEqual({ action: "ignore", ssids: ["a"] });
  const dns = { action: "ignore" as const, dnsServers: { mode: "all" as const, servers: [] } };
  expect(withTexts(dns, "dnsServers", ["10.0.0.1"])).toEqual({ action: "ignore", dnsServers: { mode: "all", servers: ["10.0.0.1"] } });
});
