import { describe, expect, it } from "vitest";

import type { TunnelProviderProtocol } from "../helper/types";
import { STRENGTHS, strengthOf, withStrength } from "./routing";

const PROTOCOL: TunnelProviderProtocol = { providerId: "org.example", serverAddress: "a" };

describe("the strength of routing", () => {
  it("is one of three and survives being chosen", () => {
    expect(strengthOf(PROTOCOL)).toBe("follow");
    for (const strength of STRENGTHS) expect(strengthOf(withStrength(PROTOCOL, strength))).toBe(strength);
  });

  it("goes back to what it was", () => {
    const enforced = withStrength({ ...PROTOCOL, excludeLocalNetworks: true }, "enforce");
    expect(withStrength(withStrength(enforced, "lockdown"), "enforce")).toEqual(enforced);
  });
});
