// What the helper tells, with its sentences in the language of the app.

import type { Change } from "../helper/helper";
import type { HealthItem } from "../helper/types";
import { healthInWords } from "../messages/spoken";
import type { Language } from "../messages/language";

export function inLanguage(change: Change, language: Language): Change {
  const said = <T extends { health?: HealthItem[] }>(told: T): T =>
    told.health ? { ...told, health: told.health.map((item) => healthInWords(item, language)) } : told;
  switch (change.kind) {
    case "snapshot": {
      const entries = change.entries.map((entry) => ({ ...entry, session: said(entry.session) }));
      return { ...change, entries, machine: said(change.machine) };
    }
    case "status":
      return { ...change, session: said(change.session) };
    case "machine":
      return { ...change, machine: said(change.machine) };
    case "link":
    case "saved":
    case "removed":
      return change;
  }
}
