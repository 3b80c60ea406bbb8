// The words of settings, logs and what the app is in German.

import type { settings as English } from "../en/settings";
import { plural } from "../formats";

const n = (count: number, one: string, other: string) => plural("de", count, { one, other });

export const settings: typeof English = {
  settings: {
    app: "Diese App",
    language: "Sprache",
    languages: { session: "Die der Sitzung", english: "English", german: "Deutsch" },
    notifications: "Meldungen",
    levels: { nothing: "Keine", problems: "Wenn etwas schiefgeht", changes: "Auch was von selbst geschieht" },
    login: "Nach der Anmeldung in der Leiste zeigen",
    loginWhy: "Tunnel brauchen kein Fenster: Der Dienst trägt sie, ob diese App läuft oder nicht.",
    computer: "Dieser Computer",
    lockdown: "Sperre",
    lockdownWhy: "Nichts verlässt diesen Computer außer durch einen Tunnel, ob einer verbunden ist oder nicht, auch beim Start.",
    local: "Aber das lokale Netz bleibt erreichbar",
    lockdownOf: (uid) => `Der Benutzer mit der Nummer ${uid} hat sie eingeschaltet. Nur er und root schalten sie aus.`,
  },
  look: {
    theme: "Farben",
    themes: { system: "Wie der Desktop", light: "Hell", dark: "Dunkel" },
    contrast: "Kontrast",
    contrasts: { system: "Wie der Desktop", more: "Hoch" },
    bytes: "Mengen",
    bytesIn: { decimal: "In MB, zu je tausend", binary: "In MiB, zu je 1024" },
    rates: "Tempo",
    ratesIn: { bytes: "In Byte je Sekunde", bits: "In Bit je Sekunde" },
  },
  selfTest: {
    title: "Selbsttest",
    what: "Harmlose Pakete werden gesendet und Namen erfragt, um zu sehen, ob etwas an den Tunneln vorbeikommt.",
    run: "Ausprobieren",
    running: "Wird ausprobiert …",
    done: (failed) => n(failed, "1 Prüfung schlug fehl.", failed === 0 ? "Alles ist, wie es sein soll." : `${failed} Prüfungen schlugen fehl.`),
    outcomes: { passed: "ist, wie es sein soll", failed: "ist nicht, wie es sein soll", notApplicable: "verspricht hier nichts" },
  },
  diagnosis: {
    title: "Diagnose",
    open: "Diagnose …",
    what: "Wenn etwas nicht geht und Ihnen jemand hilft, will er wissen, wie es um Adit und das Netz in diesem Augenblick steht. Sehen Sie sich an, was Sie ihm gäben, und lassen Sie weg, was ihn nichts angeht.",
    without: "Nicht darin: private und gemeinsame Schlüssel, Passwörter und alles, was übertragen wurde. Der Dienst gibt hier nichts davon heraus.",
    with: "Darin: Namen Ihrer Konfigurationen, Adressen von Servern und von diesem Computer, Routen und Firewall-Regeln, und das Ende des Protokolls.",
    files: "Dateien",
    include: (file) => `${file} mitgeben`,
    leftOut: "weggelassen",
    looking: "Wird nachgesehen …",
    save: "Als .zip speichern …",
    saved: "Die Diagnose ist gespeichert.",
  },
  logs: {
    title: "Protokoll",
    filter: "Filtern",
    level: "Stufe",
    levels: { error: "Fehler", warn: "Warnungen und Schlimmeres", info: "Meldungen und Schlimmeres", debug: "Alles" },
    copy: "Kopieren, was zu sehen ist",
    copied: (count) => n(count, "1 Zeile kopiert", `${count} Zeilen kopiert`),
    follow: "Mitlaufen",
    toEnd: "Zum Neuesten",
    empty: "Es wurde noch nichts protokolliert.",
    noneFit: "Keine Zeile passt zum Filter.",
    lines: (count, text) => n(count, "1 Zeile", `${text} Zeilen`),
  },
  about: {
    title: "Über Adit",
    what: "Ein VPN-Client für Linux, dessen Tunnel Plug-ins sind.",
    version: (version) => `Version ${version}`,
    service: (version) => `Dienst ${version}`,
    licence: "Adit ist freie Software unter der MIT-Lizenz oder der Apache-Lizenz, Version 2.0, wie Sie möchten.",
    licences: "Lizenzen",
    parts: "Gemacht mit",
  },
};
