// The words of the fields of known providers in German.

import type { schema as English } from "../en/schema";

export const schema: typeof English = {
  schema: {
    "org.adit.wireguard": {
      addresses: { title: "Adressen", description: "Adressen dieses Computers im Tunnel." },
      dnsServers: { title: "DNS-Server", description: "Werden nach allen Namen gefragt, solange der Tunnel steht." },
      searchDomains: { title: "Suchdomains" },
      matchDomains: {
        title: "Beantwortete Domains",
        description: "Die DNS-Server werden nur nach diesen Namen und denen darunter gefragt. Leer heißt: nach allen.",
      },
      dnsProtocol: { title: "DNS-Verschlüsselung", description: "Wie im Tunnel mit den DNS-Servern gesprochen wird." },
      "dnsProtocol.cleartext": { title: "Keine" },
      "dnsProtocol.tls.serverName": { title: "Name auf dem Zertifikat des Servers" },
      "dnsProtocol.https.serverUrl": { title: "Adresse des Servers", description: "Wie https://dns.example.net/dns-query." },
      mtu: { title: "MTU", description: "In Byte. Leer heißt: wie das Netz." },
      listenPort: { title: "Lokaler Port", description: "Ein fester UDP-Port. Leer heißt: irgendeiner." },
      fwmark: { title: "Firewall-Markierung", description: "Bleibt für den Export nach wg-quick; Adit nimmt eine eigene." },
      table: { title: "Routingtabelle", description: "Wohin die Routen der erlaubten Netze geschrieben werden." },
      "table.auto": { title: "Die von Adit" },
      "table.off": { title: "Gar keine Routen" },
      "table.table": { title: "Nummer" },
      blockIpv6: {
        title: "IPv6 sperren",
        description: "IPv6 ablehnen, solange der Tunnel steht, wenn er selbst keines hat.",
      },
      saveConfig: { title: "SaveConfig", description: "Bleibt für den Export nach wg-quick." },
      scripts: { title: "Befehle", description: "Befehle von wg-quick. Werden gezeigt und exportiert, nie ausgeführt." },
      peers: { title: "Gegenstellen" },
      "peers.publicKey": { title: "Öffentlicher Schlüssel" },
      "peers.endpoint": {
        title: "Endpunkt",
        description: "Host und Port, wie vpn.example.net:51820 oder [2001:db8::1]:51820.",
      },
      "peers.allowedIps": {
        title: "Erlaubte Netze",
        description: "Netze, die über diese Gegenstelle erreicht werden. 0.0.0.0/0 und ::/0 sind alles.",
      },
      "peers.persistentKeepalive": {
        title: "Lebenszeichen",
        description: "Sekunden zwischen Paketen, die ein NAT offen halten. Leer heißt: keine.",
      },
      privateKey: {
        title: "Privater Schlüssel",
        description: "Der dieses Computers. Der Server muss den öffentlichen kennen, der dazugehört.",
      },
      "presharedKey:{peers.publicKey}": {
        title: "Gemeinsamer Schlüssel",
        description: "Ein zweites Geheimnis, das beide Enden kennen. Leer heißt: keines.",
      },
    },
  },
};
