// The words of the frame around all pages in German.

import type { frame as English } from "../en/frame";
import { plural } from "../formats";

const n = (count: number, one: string, other: string) => plural("de", count, { one, other });

export const frame: typeof English = {
  app: { name: "Adit" },
  common: {
    back: "Zurück",
    cancel: "Abbrechen",
    close: "Schließen",
    copy: "Kopieren",
    copied: "Kopiert",
    save: "Speichern",
    remove: "Löschen",
    undo: "Rückgängig",
    tryAgain: "Noch einmal versuchen",
    yes: "Ja",
    no: "Nein",
    none: "Keine",
    more: "Mehr",
  },
  frame: {
    configurations: "Konfigurationen",
    add: "Hinzufügen",
    create: "Neue Konfiguration",
    import: "Importieren",
    settings: "Einstellungen",
    logs: "Protokoll",
    about: "Über Adit",
    search: "Suchen",
    nothingFound: (query) => `Nichts heißt „${query}“.`,
    found: (count) => n(count, "1 Konfiguration", `${count} Konfigurationen`),
    notice: "Meldung",
    skip: "Zur Konfiguration springen",
  },
  service: {
    missingTitle: "Der Adit-Dienst läuft nicht",
    missingWhy: "Er trägt die Tunnel, ihm gehören die Konfigurationen. Ohne ihn lässt sich nichts zeigen oder ändern.",
    start: "Dienst starten",
    orBy: "oder in einem Terminal:",
    watching: "Diese Seite verschwindet von selbst, sobald der Dienst läuft.",
    otherTitle: "Der Dienst hat eine andere Version",
    otherWhy: (helper, app) =>
      `Der Dienst hat Version ${helper}, dieses Fenster ${app}. Die Tunnel laufen solange weiter.`,
    restart: "Starten Sie dieses Fenster neu, um die neue Version zu benutzen.",
    failedTitle: "Der Adit-Dienst antwortet nicht",
    untrustedTitle: "Das ist nicht der Adit-Dienst",
    connecting: "Sucht den Adit-Dienst …",
    lost: "Die Verbindung zum Dienst ist abgebrochen. Was hier steht, ist von vorher.",
  },
  empty: {
    title: "Noch keine Konfigurationen",
    drop: "Legen Sie eine .conf- oder .mobileconfig-Datei hier ab, fügen Sie ihren Text ein, oder wählen Sie eine Datei oder das Bild eines QR-Codes.",
    dropNow: "Loslassen zeigt, was sie täte",
    choose: "Datei wählen …",
    paste: "Einfügen",
    create: "WireGuard-Tunnel anlegen",
    createWhy: "Erzeugt die Schlüssel und zeigt den öffentlichen, den die Verwaltung braucht.",
  },
  switcher: {
    title: "Verbindung schalten",
    hint: "Namen tippen",
    connects: "Eingabe verbindet",
    disconnects: "Eingabe trennt",
    opens: "Umschalt+Eingabe öffnet",
  },
  keys: {
    title: "Tastatur",
    names: { control: "Strg", space: "Leertaste" },
    list: "Andere Konfiguration der Liste",
    save: "Speichern, was bearbeitet wird",
    moveUp: "Die Regel, die den Fokus hat, nach oben",
    moveDown: "Sie nach unten",
    switcher: "Eine Verbindung nach Namen schalten",
    create: "Neue Konfiguration",
    import: "Importieren",
    settings: "Einstellungen",
    logs: "Protokoll",
    back: "Zurück",
    toggle: "Verbinden oder trennen, was den Fokus hat",
  },
  time: {
    in: (span) => `in ${span}`,
    soon: "sofort",
  },
};
