// The words of what is refused in German.

import { fieldFaultInWords, type FieldFaults, type RefusedKinds, type RefusedStarts, type TextFaults } from "../refusals";

const textFaults: TextFaults = {
  tooLarge: () => "Die Datei ist größer als 1 MiB, also keine Konfiguration von WireGuard.",
  notText: () => "Die Datei ist kein einfacher Text in UTF-8; speichern Sie sie als solchen, oder wählen Sie eine andere.",
  markup: () => "Das ist eine Webseite oder anderes XML; laden oder kopieren Sie die Konfiguration von WireGuard selbst.",
  openVpn: () => "Das ist eine Konfiguration für OpenVPN; bitten Sie Ihren VPN-Dienst stattdessen um eine für WireGuard.",
  noInterface: () => "Es gibt keinen Abschnitt [Interface]; eine Konfiguration von WireGuard beginnt damit.",
  noPeer: () => "Es gibt keinen Abschnitt [Peer]; ein Tunnel braucht ein anderes Ende.",
  controlCharacter: ({ line }) => `Zeile ${line} enthält ein Steuerzeichen; entfernen Sie es.`,
  notASetting: ({ line }) =>
    `Zeile ${line} ist weder ein Abschnitt wie [Peer] noch eine Einstellung wie MTU = 1420; Kommentare beginnen mit #.`,
  unknownSection: ({ line, section }) => `Zeile ${line}: [${section}] ist kein Abschnitt; es gibt nur [Interface] und [Peer].`,
  outsideSection: ({ line, key }) => `Zeile ${line}: ${key} steht vor allen Abschnitten; schreiben Sie [Interface] darüber.`,
  unknownKey: ({ line, key, nearest }) =>
    `Zeile ${line}: ${key} ist keine Einstellung von WireGuard${nearest ? `; meinen Sie ${nearest}?` : "."}`,
  wrongSection: ({ line, key, section }) => `Zeile ${line}: ${key} gehört unter [${section}].`,
  value: ({ line, key, reason }) => `Zeile ${line}: ${key} stimmt nicht: ${VALUES[key] ?? reason}.`,
  missing: ({ line, section, key, example }) => `Zeile ${line}: In [${section}] fehlt ${key}; ergänzen Sie ${key} = ${example}.`,
  duplicatePeer: ({ line, first }) =>
    `Zeile ${line}: Dieser PublicKey gehört der Gegenstelle in Zeile ${first}; jede hat ihren eigenen.`,
  duplicateNetwork: ({ line, network, first }) =>
    `Zeile ${line}: AllowedIPs gibt ${network} einer zweiten Gegenstelle; Zeile ${first} hat es schon vergeben.`,
  configuration: ({ field, reason }) =>
    `Die Konfiguration lässt sich nicht verwenden: ${field}: ${fieldFaultInWords(reason, fieldFaults)}.`,
};

const fieldFaults: FieldFaults = {
  empty: () => "darf nicht leer sein",
  noServer: () => "darf nicht leer sein; das sehen Menschen als den Server",
  tooLong: ({ most }) => `darf nicht länger als ${most} Zeichen sein`,
  notOneLine: () => "muss eine Zeile einfacher Text sein",
  tooMany: ({ most }) => `sind mehr als ${most}`,
  tooLarge: ({ mostKib }) => `ist größer als ${mostKib} KiB`,
  tooManyValues: ({ most }) => `hat mehr als ${most} Werte`,
  notAProvider: () => "muss ein Name wie org.example.vpn sein: Buchstaben, Ziffern, Punkte und Bindestriche",
  ofDestinations: () => "ist für Tunnel, die Ziele übernehmen; die Apps von diesem haben ohnehin keinen anderen Weg",
  perAppByHand: () => "ist für Tunnel, die Ziele übernehmen; ein Tunnel für einzelne Apps wird von Hand verbunden",
  secretsOfSystem: () => "gehören zu Konfigurationen eines Benutzers; eine des Systems behält ihre Geheimnisse bei sich",
  notASecretName: ({ most }) => `haben Namen aus einer Zeile und 1 bis ${most} Bytes`,
  notASpan: ({ most }) => `muss von 1 bis ${most} Sekunden sein`,
  unknownKey: ({ rule, meant }) =>
    `ist kein Schlüssel ${rule === undefined ? "der Automatik" : `von Regel ${rule}`}${meant ? `; vielleicht ist „${meant}“ gemeint` : ""}`,
  noTime: () => "beginnt und endet zur selben Zeit",
  notADomain: ({ text }) => `„${text}“ ist keine Domain; eine ist example.com, oder *.example.com für alles darunter`,
  notAUrl: ({ text }) => `„${text}“ ist keine URL, die mit http:// oder https:// beginnt`,
  noAddress: () => "der Tunnel braucht mindestens eine Adresse",
  noPeer: () => "es gibt keine Gegenstelle; ein Tunnel braucht ein anderes Ende",
  samePeer: () => "ist derselbe wie der einer früheren Gegenstelle",
  networkTaken: ({ network, peer }) => `${network} gehört schon der Gegenstelle ${peer}; jedes Netz führt nur zu einer`,
  other: ({ text }) => text,
};

/** What each key wants. */
const KEY = "ein Schlüssel besteht aus 44 Zeichen Base64 und endet auf „=“";
const COMMAND = "gebraucht wird ein Befehl";
const VALUES: { [key: string]: string } = {
  Address: "gebraucht werden Adressen wie 10.0.0.2/32 oder fd00::2/128",
  AllowedIPs: "gebraucht werden Netze wie 10.0.0.0/8 oder fd00::/64",
  DNS: "gebraucht werden Adressen von DNS-Servern oder Suchdomains",
  Endpoint: "gebraucht werden Host und Port wie vpn.example.net:51820 oder [2001:db8::1]:51820",
  FwMark: "gebraucht wird eine Zahl wie 51820 oder 0xca6c, oder off",
  ListenPort: "gebraucht wird ein Port von 0 bis 65535",
  MTU: "gebraucht wird eine Zahl von Bytes wie 1420",
  PersistentKeepalive: "gebraucht wird eine Zahl von Sekunden bis 65535, oder off",
  PostDown: COMMAND,
  PostUp: COMMAND,
  PreDown: COMMAND,
  PresharedKey: KEY,
  PreUp: COMMAND,
  PrivateKey: KEY,
  PublicKey: KEY,
  SaveConfig: "gebraucht wird true oder false",
  Table: "gebraucht wird auto, off, main oder die Nummer einer Routingtabelle",
};

const refusedKinds: RefusedKinds = {
  unavailable: () => "Der Adit-Dienst ist nicht zu erreichen. Läuft er?",
  notStarted: () => "Der Dienst wurde nicht gestartet. Versuchen Sie es in einem Terminal: Dort steht, warum.",
  notAuthorised: () => "Das dürfen Sie nicht. Fragen Sie, wer diesen Computer verwaltet.",
  gone: () => "Diese Konfiguration gibt es nicht mehr.",
  disabled: () => "Diese Konfiguration ist abgeschaltet. Schalten Sie sie erst ein.",
  stale: () => "Jemand anders hat diese Konfiguration inzwischen geändert.",
  nameTaken: () => "Eine Konfiguration dieses Namens gibt es schon. Wählen Sie einen anderen.",
  notRunning: () => "Diese Konfiguration ist nicht verbunden.",
  routesConflict: (of) => `„${of("name")}“ ist verbunden und führt schon zu ${of("route")}. Trennen Sie erst diese Konfiguration.`,
};

const refusedStarts: RefusedStarts = {
  disabled: () => "Die Konfiguration ist abgeschaltet.",
  provider: (reason) => `Der Provider lässt sich nicht benutzen: ${reason}`,
  interface: (reason) => `Die Schnittstelle des Tunnels lässt sich nicht anlegen: ${reason}`,
  names: (reason) => `Niemand hört, welche Namen gesucht werden: ${reason}`,
  settings: (reason) => `Die Einstellungen des Tunnels sind nicht gültig: ${reason}`,
  network: (reason) => `Das Netz lässt sich nicht lesen oder ändern: ${reason}`,
  noRoom: () => "Zu viele Tunnel laufen oder warten. Trennen Sie erst einen davon.",
  ending: () => "Adit wird zurückgesetzt oder endet.",
  storage: (reason) => `Die Konfigurationen lassen sich nicht lesen oder schreiben: ${reason}`,
  other: () => undefined,
};

export const refusals = { textFaults, fieldFaults, refusedKinds, refusedStarts };
