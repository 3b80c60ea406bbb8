import { describe, expect, it } from "vitest";

import { ENGLISH, example } from "../session/examples";
import { isAddress, nameAnswer, routeAnswer } from "./answer";

const ENTRIES = [example({ session: { status: "connected", interface: "adit0" } })];

describe("an explanation", () => {
  it("calls an interface by its tunnel", () => {
    const answer = routeAnswer("192.0.2.1", { outcome: "leaves", interface: "adit0", route: "default dev adit0" }, ENTRIES, ENGLISH);
    expect(answer.sentence).toBe("192.0.2.1 leaves by the tunnel “Work”.");
    expect(answer.evidence).toEqual([{ name: "Route", text: "default dev adit0" }]);
    const outside = routeAnswer("192.0.2.1", { outcome: "leaves", interface: "eth0" }, ENTRIES, ENGLISH);
    expect(outside.sentence).toBe("192.0.2.1 leaves by eth0, outside of every tunnel.");
  });

  it("says who is asked for a name, and why", () => {
    const servers = [
      { address: "10.0.0.53", interface: "adit0" },
      { address: "192.0.2.53" },
      { address: "192.0.2.54", refusedBy: "drop" },
      { address: "127.173.64.1", asks: "https://dns.example/", interface: "adit0" },
    ];
    const lookup = { name: "wiki.corp.example", reason: "domain" as const, domain: "corp.example", servers };
    const answer = nameAnswer({ resolver: "resolved", lookups: [lookup] }, ENTRIES, ENGLISH);
    expect(answer.sentence).toBe("Who is asked for wiki.corp.example: systemd-resolved decides.");
    expect(answer.reasons).toEqual([
      "10.0.0.53 by the tunnel “Work”",
      "192.0.2.53, to which there is no way",
      "192.0.2.54, which the firewall refuses",
      "https://dns.example/, which Adit asks by the tunnel “Work”",
      "These servers answer corp.example.",
    ]);
  });

  it("is of routes for addresses alone", () => {
    expect(["192.0.2.1", "fd00::1", "::"].every(isAddress)).toBe(true);
    expect(["example", "10.example", "beef", "1.2.3"].some(isAddress)).toBe(false);
  });
});
