// The words of what is refused in German.

import type { RefusedKinds, TextFaults } from "../refusals";

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
  configuration: ({ field, reason }) => `Die Konfiguration lässt sich nicht verwenden: ${field}: ${reason}.`,
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
  unavailable: "Der Adit-Dienst ist nicht zu erreichen. Läuft er?",
  notAuthorised: "Das dürfen Sie nicht. Fragen Sie, wer diesen Computer verwaltet.",
  gone: "Diese Konfiguration gibt es nicht mehr.",
  disabled: "Diese Konfiguration ist abgeschaltet. Schalten Sie sie erst ein.",
  stale: "Jemand anders hat diese Konfiguration inzwischen geändert.",
  nameTaken: "Eine Konfiguration dieses Namens gibt es schon. Wählen Sie einen anderen.",
  notRunning: "Diese Konfiguration ist nicht verbunden.",
};

export const refusals = { textFaults, refusedKinds };
