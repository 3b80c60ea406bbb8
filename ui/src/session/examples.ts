// What tests of sessions are made of.

import type { Entry, SessionStatus, VpnConfiguration } from "../helper/types";
import { languageFor } from "../messages/language";

export const ENGLISH = languageFor(["en-GB"]);
export const GERMAN = languageFor(["de"]);
export const NOW = new Date("2026-03-01T12:00:00Z");
export const TWO_HOURS_AGO = "2026-03-01T09:55:00Z";

interface Parts {
  session?: Partial<SessionStatus>;
  configuration?: Partial<VpnConfiguration>;
  protocol?: Partial<VpnConfiguration["protocol"]>;
}

/** A configuration for 10.0.0.0/8 by way of vpn.example that is not connected. */
export function example({ session, configuration, protocol }: Parts = {}): Entry {
  const id = configuration?.id ?? "1";
  return {
    configuration: {
      id,
      generation: 1,
      name: "Work",
      enablement: "enabled",
      scope: "user",
      owner: 1000,
      ...configuration,
      protocol: { providerId: "org.example.vpn", serverAddress: "vpn.example", expectedRoutes: ["10.0.0.0/8"], ...protocol },
    },
    session: { id, status: "disconnected", sequence: 1, blocking: false, ...session },
  };
}

export function problem(title: string): NonNullable<SessionStatus["health"]>[number] {
  return { code: "test", severity: "problem", title, text: "A text." };
}
