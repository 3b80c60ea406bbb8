import { describe, expect, it } from "vitest";

import type { OnDemandRule } from "../helper/types";
import { ENGLISH, GERMAN } from "../session/examples";
import { ruleInWords } from "./words";

describe("a rule in words", () => {
  it.each<[OnDemandRule, string]>([
    [{ action: "connect" }, "Always → connect when something uses the network"],
    [{ action: "connect", eager: true, interfaceType: "wiFi" }, "On any Wi-Fi → connect at once"],
    [{ action: "disconnect", interfaceType: "wiFi", ssids: ["Café", "Home"] }, "On Wi-Fi “Café” or “Home” → disconnect"],
    [{ action: "ignore", interfaceType: "ethernet", metered: false }, "On a cable and where traffic costs nothing → leave as it is"],
    [
      { action: "disconnect", time: { days: ["monday", "friday"], from: "08:00:00", until: "18:30:00" } },
      "Monday and Friday between 08:00 and 18:30 → disconnect",
    ],
    [
      {
        action: "evaluateConnection",
        connectionRules: [
          { domains: ["corp.example"], action: "connectIfNeeded" },
          { domains: ["www.example"], action: "neverConnect" },
        ],
      },
      "Always → connect for corp.example if they cannot be reached otherwise",
    ],
  ])("%j", (rule, words) => {
    expect(ruleInWords(rule, ENGLISH)).toBe(words);
  });

  it("is said in German too", () => {
    const rule: OnDemandRule = { action: "disconnect", ssids: ["Café"], dnsServers: { mode: "all", servers: ["10.0.0.1"] } };
    expect(ruleInWords(rule, GERMAN)).toBe("Im WLAN „Café“ und wo nur 10.0.0.1 Namen beantworten → trennen");
  });
});
