import { describe, expect, it } from "vitest";

import type { SessionDetails } from "../helper/types";
import { ENGLISH, example } from "./examples";
import { partFacts } from "./path-facts";

describe("what is known of the tunnel", () => {
  const settings = { tunnelRemoteAddress: "192.0.2.1", mtu: 1400 };

  // spec: ETH-4
  it("has the hardware address of an Ethernet tunnel", () => {
    const facts = tunnelFacts({ settings: { ...settings, ethernetAddress: "02:00:00:12:34:56" } });
    expect(facts).toContainEqual({ name: "Ethernet", values: ["02:00:00:12:34:56"], isFixed: true });
  });

  it("has none of a tunnel for packets", () => {
    expect(tunnelFacts({ settings }).map(({ name }) => name)).toEqual(["Interface", "Provider", "Packet size (MTU)"]);
  });
});

function tunnelFacts(details: SessionDetails) {
  return partFacts("tunnel", example({ session: { status: "connected", interface: "adit0" } }), details, ENGLISH);
}
