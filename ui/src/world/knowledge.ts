// What is known of the helper, and how a change changes it.

import type { Change, Link } from "../helper/helper";
import type { Entry, MachineStatus, SessionStatus, VpnConfiguration } from "../helper/types";

export interface Knowledge {
  link: Link;
  /** By name. */
  entries: readonly Entry[];
  machine: MachineStatus;
}

export const EMPTY: Knowledge = {
  link: { state: "connecting" },
  entries: [],
  machine: { blocking: false },
};

export function changed(knowledge: Knowledge, change: Change): Knowledge {
  switch (change.kind) {
    case "link":
      return { ...knowledge, link: change.link };
    case "snapshot":
      return { ...knowledge, entries: change.entries.toSorted(byName), machine: change.machine };
    case "saved":
      return { ...knowledge, entries: withConfiguration(knowledge.entries, change.configuration) };
    case "removed":
      return { ...knowledge, entries: knowledge.entries.filter((entry) => entry.configuration.id !== change.id) };
    case "status":
      return { ...knowledge, entries: withSession(knowledge.entries, change.session) };
    case "machine":
      return { ...knowledge, machine: change.machine };
  }
}

function withConfiguration(entries: readonly Entry[], configuration: VpnConfiguration): Entry[] {
  const known = entries.find((entry) => entry.configuration.id === configuration.id);
  const session = known?.session ?? fresh(configuration.id);
  const others = entries.filter((entry) => entry !== known);
  return [...others, { configuration, session }].toSorted(byName);
}

function withSession(entries: readonly Entry[], session: SessionStatus): Entry[] {
  return entries.map((entry) => {
    // What was overtaken on the way is older than what is known.
    const isNews = entry.session.id === session.id && entry.session.sequence <= session.sequence;
    return isNews ? { ...entry, session } : entry;
  });
}

function fresh(id: string): SessionStatus {
  return { id, status: "disconnected", sequence: 0, blocking: false };
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function byName(a: Entry, b: Entry): number {
  return collator.compare(a.configuration.name, b.configuration.name);
}
