// What rules make of a made-up network: the Wi-Fi of a café.

import { conditionsOf } from "../../onDemand/rules";
import type { NetworkState, OnDemandExplanation, RuleTrace } from "../bindings";
import type { Entry, OnDemandRule } from "../types";

const CAFE: NetworkState = {
  generation: 3,
  primary: {
    interface: "wlan0",
    kind: "wiFi",
    ssid: "Café Central",
    bssid: "aa:bb:cc:dd:ee:01",
    dnsServers: ["192.168.1.1"],
    searchDomains: ["lan"],
    gateways: [{ address: "192.168.1.1", mac: "aa:bb:cc:dd:ee:02" }],
    metered: false,
    connectionId: "Café Central",
  },
};

export function onDemandExplanation({ configuration }: Entry): OnDemandExplanation {
  const rules = configuration.onDemand?.rules ?? [];
  const at = rules.findIndex(matches);
  const trace = rules.map((rule, index): RuleTrace => {
    const outcome = index === at ? "matched" : at !== -1 && index > at ? "notReached" : "notMatched";
    const conditions = conditionsOf(rule).map((condition) => ({
      condition,
      seen: "",
      outcome: holds(rule, condition) ? ("held" as const) : ("failed" as const),
    }));
    return { index, rule: "", outcome, ...(outcome !== "notReached" && { conditions }) };
  });
  const current = { index: at, action: "connects at once", reason: "on any Wi-Fi" };
  return { network: CAFE, verdict: { ...(at !== -1 && { current }), trace } };
}

function matches(rule: OnDemandRule): boolean {
  return conditionsOf(rule).every((condition) => holds(rule, condition));
}

/** As much as the examples need. */
function holds(rule: OnDemandRule, condition: ReturnType<typeof conditionsOf>[number]): boolean {
  if (condition === "interfaceType") return rule.interfaceType === "wiFi";
  if (condition === "ssids") return rule.ssids?.includes("Café Central") ?? false;
  return condition === "metered" && rule.metered === false;
}
