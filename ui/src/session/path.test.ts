import { describe, expect, it } from "vitest";

import type { SessionDetails } from "../helper/types";
import { ENGLISH, example } from "./examples";
import { pathView } from "./path";

const OPEN = { blocking: false };
const ALL = { expectedRoutes: ["0.0.0.0/0", "::/0"] };
const UP = { status: "connected" } as const;

describe("the path", () => {
  it("leads past a tunnel that is down, or nowhere", () => {
    expect(view({ protocol: ALL })).toEqual({
      inside: "all traffic",
      shortInside: "all traffic",
      outside: "everything, directly",
      tunnel: "down",
      past: "open",
      leadsTo: "internet",
    });
    expect(view({ session: { blocking: true } })).toMatchObject({ outside: "blocked", past: "blocked", leadsTo: "network" });
  });

  it("leads into a tunnel that takes all", () => {
    expect(view({ protocol: ALL, session: UP })).toMatchObject({ tunnel: "up", outside: "nothing", past: "closed" });
  });

  it("shows what a tunnel leaves out and what it blocks", () => {
    const settings = (more: object): SessionDetails => ({
      settings: {
        tunnelRemoteAddress: "192.0.2.1",
        ipv4: { addresses: ["10.0.0.2/32"], includedRoutes: [{ destination: "0.0.0.0/0" }], ...more },
        blockedRoutes: ["::/0"],
      },
    });
    const out = { excludedRoutes: [{ destination: "192.168.1.0/24" }] };
    expect(view({ session: UP }, settings(out))).toMatchObject({ inside: "all of IPv4", outside: "192.168.1.0/24", past: "open" });
    expect(view({ session: UP }, settings({}))).toMatchObject({ outside: "IPv6 is blocked", past: "blocked" });
  });

  it("leads past a tunnel for some networks", () => {
    expect(view({ session: UP })).toMatchObject({ inside: "10.0.0.0/8", outside: "the rest, directly", leadsTo: "network" });
    const two = view({ protocol: { expectedRoutes: ["10.0.0.0/8", "172.16.0.0/12"] }, session: UP });
    expect(two).toMatchObject({ inside: "10.0.0.0/8 and 172.16.0.0/12", shortInside: "2 networks" });
  });

  it("is held while the tunnel is made anew", () => {
    expect(view({ session: { status: "reasserting" } }).tunnel).toBe("held");
    expect(view({ session: { status: "connecting" } }).tunnel).toBe("coming");
  });
});

function view(parts: Parameters<typeof example>[0], details: SessionDetails = {}) {
  return pathView(example(parts), OPEN, details, ENGLISH);
}
