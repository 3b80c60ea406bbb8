// How strictly traffic is kept in a tunnel, as one choice of three.

import type { TunnelProviderProtocol } from "../helper/types";

/** From the weakest to the strongest; each includes the one before. */
export const STRENGTHS = ["follow", "enforce", "lockdown"] as const;
export type Strength = (typeof STRENGTHS)[number];

export function strengthOf(protocol: TunnelProviderProtocol): Strength {
  if (protocol.includeAllNetworks) return "lockdown";
  return protocol.enforceRoutes ? "enforce" : "follow";
}

/** What a choice leaves of the weaker ones stays, so that going back and forth changes nothing. */
export function withStrength(protocol: TunnelProviderProtocol, strength: Strength): TunnelProviderProtocol {
  const { includeAllNetworks: _, enforceRoutes, ...rest } = protocol;
  switch (strength) {
    case "follow":
      return rest;
    case "enforce":
      return { ...rest, enforceRoutes: true };
    case "lockdown":
      return { ...rest, ...(enforceRoutes && { enforceRoutes }), includeAllNetworks: true };
  }
}
