// What an import or a check has to say, in the language of the app.

import type { Note } from "../helper/types";
import type { Language } from "./language";

/** The whole sentence, with its line. */
export function noteInWords(note: Note, language: Language): string {
  const text = sentence(note, language);
  return note.line === undefined ? text : language.m.note.line(note.line, text);
}

function sentence({ code, key = "", arguments: given, text }: Note, { m }: Language): string {
  const { note: words } = m;
  const of = (name: string) => given?.[name] ?? "";
  const hasDns = of("dns") === "true";
  const way = given?.["server"] ?? words.way;
  const networks = () => words.more(of("networks"), Number(of("more")));
  switch (code) {
    case "route.all":
      return words.all(hasDns ? words.dnsAnd : "", way);
    case "route.all-ipv4":
      return words.allOf("IPv4", hasDns ? words.dnsAnd : "", way);
    case "route.all-ipv6":
      return words.allOf("IPv6", hasDns ? words.dnsAnd : "", way);
    case "route.some":
      return words.some(hasDns ? words.andDns : "", networks(), way);
    case "route.per-app":
      return words.perApp;
    case "route.nothing":
      return words.nothing;
    case "table.off":
      return words.tableOff;
    case "table.number":
      return words.tableNumber(of("number"));
    case "family.blocked":
      return words.familyBlocked(of("family"), networks());
    case "ipv6.blocked":
      return words.ipv6Blocked;
    case "family.leaks":
      return words.familyLeaks(of("partly") === "true", of("other"), of("full"));
    case "dns.domains-without-server":
      return words.domainsWithoutServer;
    case "dns.none":
      return words.dnsNone;
    case "dns.unrouted":
      return words.dnsUnrouted(of("server"));
    case "peer.waiting":
      return words.peerWaiting(of("peer"));
    case "routes.enforced":
      return words.enforced;
    case "routes.enforced-but-local":
      return words.enforcedLocal;
    case "command.not-run":
      return words.commandNotRun(key, of("command"));
    case "key.repeated":
      return words.repeated(key, of("later"));
    case "network.host-bits":
      return words.hostBits(of("written"), of("network"));
    case "unused.fwmark":
      return words.fwmark;
    case "unused.save-config":
      return words.saveConfig;
    case "archive.kept":
      return words.archive.kept(text, key);
    case "archive.left-out":
      return words.archive.leftOut(text, key);
    case "profile.allow":
      return words.profile.allow(text, key);
    case "profile.apple-only":
      return words.profile.appleOnly(text, key);
    case "profile.domains-always":
      return words.profile.domainsAlways(text, key);
    case "profile.ignored":
      return words.profile.ignored(text, key);
    case "profile.left-out":
      return words.profile.leftOut(text, of("name"));
    case "profile.provider":
      return words.profile.provider(text, of("name"), of("provider"));
    case "profile.removal":
      return words.profile.removal(text);
    case "profile.signature":
      return words.profile.signature(text);
    case "profile.unknown":
      return words.profile.unknown(text, key);
  }
}
