// The way that traffic takes: what goes through the tunnel, what goes past it, and how both stand.

import type { Entry, MachineStatus, SessionDetails } from "../helper/types";
import type { Language } from "../messages/language";
import { isThroughForeign } from "./foreign";
import { activeTraffic, expectedTraffic, familyOf, named, ownsDefault, takesAll, takesDefault, type Traffic } from "./traffic";

export interface PathView {
  /** What goes in, in a few words. */
  inside: string;
  /** The same where there is no room for more than one network. */
  shortInside: string;
  /** What stays outside, in a few words. */
  outside: string;
  /** How the tunnel stands. */
  tunnel: "down" | "coming" | "up" | "held";
  /** How the way past it stands. `closed`: nothing takes it, because everything goes in. */
  past: "open" | "closed" | "blocked";
  /** Whether the internet is behind the tunnel, or only networks. */
  leadsTo: "internet" | "network";
}

export function pathView(entry: Entry, machine: MachineStatus, details: SessionDetails, language: Language): PathView {
  const { configuration } = entry;
  const { settings } = details;
  const traffic = settings ? activeTraffic(configuration, settings) : expectedTraffic(configuration);
  return {
    inside: inside(traffic, language),
    shortInside: shortInside(traffic, language),
    tunnel: tunnel(entry),
    leadsTo: traffic.perApp || takesDefault(traffic) ? "internet" : "network",
    ...past(entry, machine, traffic, language),
  };
}

function tunnel({ session }: Entry): PathView["tunnel"] {
  switch (session.status) {
    case "connected":
      return session.health?.some((item) => item.severity === "problem") ? "held" : "up";
    case "reasserting":
      return "held";
    case "connecting":
      return "coming";
    case "disconnecting":
    case "disconnected":
    case "invalid":
      return "down";
  }
}

function inside(traffic: Traffic, language: Language): string {
  const { path } = language.m;
  if (traffic.perApp) return path.insideApps;
  if (takesAll(traffic)) return path.insideAll;
  const [v4, v6] = [ownsDefault(traffic.inside, "IPv4"), ownsDefault(traffic.inside, "IPv6")];
  if (!v4 && !v6) return named(traffic.inside, language);
  const family = v4 ? "IPv4" : "IPv6";
  const rest = traffic.inside.filter((network) => familyOf(network) !== family);
  return rest.length === 0 ? path.insideFamily(family) : language.list([path.insideFamily(family), named(rest, language)]);
}

function shortInside(traffic: Traffic, language: Language): string {
  const isSplit = !ownsDefault(traffic.inside, "IPv4") && !ownsDefault(traffic.inside, "IPv6");
  return isSplit && traffic.inside.length > 1 ? language.m.path.networks(traffic.inside.length) : inside(traffic, language);
}

function past(
  { configuration, session }: Entry,
  machine: MachineStatus,
  traffic: Traffic,
  language: Language,
): Pick<PathView, "outside" | "past"> {
  const { path } = language.m;
  if (traffic.perApp) return { outside: path.outsideDirect, past: session.blocking || machine.blocking ? "blocked" : "open" };
  const isUp = session.status === "connected" || session.status === "reasserting";
  if (!isUp && (session.blocking || machine.blocking)) return { outside: path.outsideBlocked, past: "blocked" };
  if (!isUp) return { outside: isThroughForeign(machine) ? path.outsideForeign : path.outsideAll, past: "open" };
  const left = [...traffic.outside];
  if (configuration.protocol.excludeLocalNetworks && left.length === 0) left.push(path.outsideLocal);
  const blocked = traffic.blocked.map((network) => (network === "::/0" ? "IPv6" : network === "0.0.0.0/0" ? "IPv4" : network));
  if (!takesDefault(traffic)) return { outside: path.outsideDirect, past: "open" };
  if (left.length > 0) return { outside: named(left, language), past: "open" };
  if (blocked.length > 0) return { outside: path.outsideBlockedOnly(language.list(blocked)), past: "blocked" };
  return takesAll(traffic) ? { outside: path.outsideNothing, past: "closed" } : { outside: path.outsideDirect, past: "open" };
}
