import { describe, expect, it } from "vitest";

import { ENGLISH, example } from "./examples";
import { networkFacts } from "./network-facts";

describe("the proxy of a tunnel", () => {
  const servers = { http: { address: "10.0.0.1", port: 3128 }, https: { address: "fd00::1", port: 3129 } };
  const entry = example({ protocol: { proxy: { mode: { servers } } } });
  const values = (details: Parameters<typeof networkFacts>[1]) =>
    networkFacts(entry, details, ENGLISH).find((fact) => fact.name === "Proxy")?.values;

  // spec: PXY-10
  it("is a host and a port, an IPv6 address in brackets", () => {
    expect(values({})).toEqual(["http: 10.0.0.1:3128", "https: [fd00::1]:3129"]);
  });

  // spec: PROTO-9
  it("is that of the settings, if they have one", () => {
    const settings = { tunnelRemoteAddress: "192.0.2.1", proxy: { mode: { scriptUrl: "http://10.0.0.1/" } } };
    expect(values({ settings })).toEqual(["http://10.0.0.1/"]);
  });
});
