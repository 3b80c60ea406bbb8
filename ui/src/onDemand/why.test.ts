import { describe, expect, it } from "vitest";

import type { NetworkState, RuleTrace } from "../helper/bindings";
import type { OnDemandRule } from "../helper/types";
import { ENGLISH, GERMAN } from "../session/examples";
import { networkInWords, reasons } from "./why";

const CAFE: NetworkState = {
  generation: 1,
  primary: { interface: "wlan0", kind: "wiFi", ssid: "Café", dnsServers: ["192.168.1.1", "192.168.1.2"], metered: false },
};
const OFFLINE: NetworkState = { generation: 2 };

describe("why a rule holds or not", () => {
  const rules: OnDemandRule[] = [
    { action: "disconnect", interfaceType: "wiFi", ssids: ["Home"] },
    { action: "connect", dnsServers: { mode: "any", servers: ["10.0.0.1"] } },
    { action: "connect", interfaceType: "wiFi" },
    { action: "ignore" },
  ];
  const trace = [looked("notMatched", "held", "failed"), looked("notMatched", "failed"), looked("matched", "held"), looked("notReached")];

  it("is what its first condition that does not hold has found", () => {
    expect(reasons(rules, { network: CAFE, verdict: { trace } }, ENGLISH)).toEqual([
      { holds: false, text: "Not now: this computer is on the Wi-Fi “Café”." },
      { holds: false, text: "Not now: names are answered by 192.168.1.1 and 192.168.1.2." },
      { holds: true, text: "This computer is on the Wi-Fi “Café”." },
      undefined,
    ]);
    const german = reasons(rules, { network: CAFE, verdict: { trace } }, GERMAN).map((reason) => reason?.text);
    expect(german[0]).toBe("Jetzt nicht: Dieser Computer ist im WLAN „Café“.");
  });

  it("is that there is no network", () => {
    const first = trace.slice(0, 1);
    expect(reasons(rules.slice(0, 1), { network: OFFLINE, verdict: { trace: first } }, ENGLISH)).toEqual([
      { holds: false, text: "Not now: this computer is offline." },
    ]);
    expect(networkInWords(OFFLINE, ENGLISH)).toBe("This computer is offline.");
  });

  it("is not guessed where the service knows more conditions than the app", () => {
    const more = [looked("notMatched", "held", "failed", "failed")];
    expect(reasons(rules.slice(0, 1), { network: CAFE, verdict: { trace: more } }, ENGLISH)).toEqual([undefined]);
  });
});

function looked(outcome: RuleTrace["outcome"], ...found: ("held" | "failed")[]): RuleTrace {
  const conditions = found.map((one) => ({ condition: "", seen: "", outcome: one }));
  return { index: 0, rule: "", outcome, conditions };
}
