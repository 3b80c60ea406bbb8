// The words of what the helper says of health and of what it has tried in German.

import type { CheckCatalogue, Given, HealthCatalogue, HealthWords } from "../spoken";

const healthItems: HealthCatalogue = {
  "address.pending": (of) => ({
    title: `Der Tunnel hat noch keine ${of("family")}-Adresse`,
    text: `Das Netz dahinter hat keine zugeteilt. Adit fragt weiter; bis dahin geht nirgendwohin, was über ${of("family")} in den Tunnel gehört.`,
  }),
  "apps.names-outside": () => ({
    title: "Die Apps des Tunnels lösen Namen außerhalb des Tunnels auf",
    text: "Auf diesem System fragen Programme systemd-resolved an /etc/resolv.conf vorbei, und das fragt für alle gleich: Für wen, ist nicht zu erkennen.",
    action: "Nehmen Sie „resolve“ aus der Zeile „hosts:“ in /etc/nsswitch.conf.",
  }),
  "apps.without-dns": () => ({
    title: "Der Tunnel hat keinen DNS-Server für seine Apps",
    text: "Was sie die Server des Netzes fragen, geht durch den Tunnel, wo die vielleicht nicht zu erreichen sind. Ein Resolver auf diesem Computer antwortet ihnen nicht, denn er würde außerhalb fragen.",
    action: "Tragen Sie in der Konfiguration einen DNS-Server ein.",
  }),
  "blocked.connecting": (of) => held(of, `Der Verkehr wartet, bis ${tunnel(of)} verbunden ist`),
  "blocked.reasserting": (of) => held(of, `Der Verkehr wartet, bis ${tunnel(of)} wieder verbunden ist`),
  "blocked.disconnecting": (of) => held(of, `Der Verkehr wartet, solange ${tunnel(of)} trennt`),
  "blocked.failed": (of) => held(of, `Der Verkehr ist gesperrt: ${tunnel(of)} ist gescheitert`),
  "blocked.ended": (of) => held(of, `Der Verkehr ist gesperrt: ${tunnel(of)} ist zu Ende, ohne getrennt worden zu sein`),
  "blocked.lockdown": (of) => {
    const why = of("split") === "true" ? "kein Tunnel nimmt allen Verkehr" : of("coming") ? `${of("coming")} steht noch nicht` : "kein Tunnel ist verbunden";
    const what = of("split") === "true" ? "Nur was durch den Tunnel geht, verlässt" : "Nichts verlässt";
    const local = of("local") === "true" ? ", außer ins lokale Netz" : "";
    return { title: `Die Sperre ist an, und ${why}`, text: `${what} diesen Computer${local}.` };
  },
  "bridge.shared": (of) => ({
    title: `Gäste an ${of("bridge")} sind nicht im Tunnel`,
    text: `Virtuelle Maschinen oder Container teilen sich über die Bridge ${of("bridge")} das Netz mit diesem Computer. Was sie senden, geht nicht durch ihn hindurch.`,
    action: "Damit sie im Tunnel sind, geben Sie ihnen statt der Bridge ein Netz dieses Computers (NAT).",
  }),
  "changed.addresses": (of) => changed(of, "Die Adressen des Tunnels wurden"),
  "changed.device": (of) => ({
    title: "Die Schnittstelle des Tunnels wurde von jemand anderem gelöscht und neu angelegt",
    text: `${times(of)} ${opponent(of)}`,
  }),
  "changed.dns": (of) => changed(of, "Die Namensauflösung des Systems wurde"),
  "changed.firewall": (of) => changed(of, "Die Firewall-Regeln von Adit wurden"),
  "changed.interface": (of) => changed(of, "Die Schnittstelle des Tunnels wurde"),
  "changed.routes": (of) => changed(of, "Die Routen des Tunnels wurden"),
  "changed.rules": (of) => changed(of, "Die Routing-Regeln des Tunnels wurden"),
  "changed.settings": (of) => changed(of, "Die Kernel-Einstellungen des Tunnels wurden"),
  "configuration.behind": () => ({
    title: "Änderungen gelten ab dem nächsten Verbinden",
    text: "Die Konfiguration wurde so geändert, dass ein verbundener Tunnel nicht folgen kann.",
    action: "Verbinden Sie neu, um sie gleich zu übernehmen.",
  }),
  "contested.addresses": (of) => contested(of, "die Adressen des Tunnels", "ändert"),
  "contested.device": (of) => contested(of, "die Schnittstelle des Tunnels", "löscht"),
  "contested.dns": (of) => contested(of, "die Namensauflösung des Systems", "ändert"),
  "contested.firewall": (of) => contested(of, "die Firewall-Regeln von Adit", "ändert"),
  "contested.interface": (of) => contested(of, "die Schnittstelle des Tunnels", "ändert"),
  "contested.routes": (of) => contested(of, "die Routen des Tunnels", "ändert"),
  "contested.rules": (of) => contested(of, "die Routing-Regeln des Tunnels", "ändert"),
  "contested.settings": (of) => contested(of, "die Kernel-Einstellungen des Tunnels", "ändert"),
  "dns.asked-elsewhere": () => ({
    title: "Manche Programme fragen nicht die DNS-Server des VPN",
    text: "Wer /etc/resolv.conf selbst liest, fragt die Server darin: weder die des VPN noch systemd-resolved.",
    action: "Machen Sie /etc/resolv.conf zu einer Verknüpfung auf /run/systemd/resolve/stub-resolv.conf, oder lassen Sie nichts am Tunnel vorbei.",
  }),
  "dns.failed-over": (of) => ({
    title: "Namen werden am VPN vorbei aufgelöst",
    text: `Der DNS-Server ${of("server")} des VPN ist durch den Tunnel nicht zu erreichen: ${of("reason")}. An seiner Stelle werden die des Netzes gefragt, wie es die Einstellungen erlauben.`,
    action: "Prüfen Sie die DNS-Einstellungen des VPN, oder fragen Sie, wer den Server betreibt.",
  }),
  "dns.not-applied": (of) => ({
    title: "Die DNS-Server des VPN werden nicht benutzt",
    text: `Namen werden gesucht wie ohne das VPN: ${of("reason")}.`,
    action: "Sobald das behoben ist, benutzt Adit sie; spätestens beim nächsten Verbinden.",
  }),
  "dns.second-in-line": () => ({
    title: "Die DNS-Server des Netzes kommen an zweiter Stelle",
    text: "Das resolvconf dieses Systems behält sie hinter denen des VPN. Ein Name, den jene nicht rechtzeitig beantworten, wird außerhalb des VPN gesucht.",
    action: "Installieren Sie stattdessen openresolv oder systemd-resolved, oder lassen Sie nichts am Tunnel vorbei.",
  }),
  "dns.split-unavailable": (of) => ({
    title: "Die Namen des VPN löst nicht das VPN auf",
    text: `Dieses System hat eine einzige Liste von DNS-Servern, daher lässt sich ${of("domains")} nicht an die des VPN schicken.`,
    action: "Benutzen Sie systemd-resolved, oder lassen Sie das VPN alle Namen beantworten.",
  }),
  "dns.unanswered": (of) => ({
    title: "Namen lassen sich nicht auflösen",
    text: `Der DNS-Server ${of("server")} des VPN ist durch den Tunnel nicht zu erreichen: ${of("reason")}. Niemand anders wird an seiner Stelle gefragt.`,
    action: "Prüfen Sie die DNS-Einstellungen des VPN, oder fragen Sie, wer den Server betreibt.",
  }),
  "firewall.packet-sockets": (of) => ({
    title: "Programme von root könnten am Tunnel vorbei senden",
    text: `Was ein Programm über Paket-Sockets sendet, die nur root benutzen darf, ist nicht gesperrt: Dieser Kernel kann es nicht filtern (${of("reason")}).`,
    action: "Benutzen Sie Linux 5.16 oder neuer, mit CONFIG_NETFILTER_EGRESS.",
  }),
  "firewall.unavailable": (of) => ({
    title: "Die Adresse des Tunnels ist nicht geschützt",
    text: `Wer im selben Netz ist, könnte herausfinden, welche Adresse Sie im Tunnel haben, weil die Firewall des Kernels nicht zu benutzen ist: ${of("reason")}.`,
    action: "Benutzen Sie einen Kernel mit nf_tables, wie alle Distributionen ihn haben.",
  }),
  "foreign.tunnel": (of) => ({
    title: "Das VPN eines anderen Benutzers ist in Gebrauch",
    text:
      of("all") === "true"
        ? "Der Verkehr dieses Computers geht hindurch. Solange kann kein Tunnel von Ihnen starten."
        : "Es führt in einige Netze. Solange kann kein Tunnel von Ihnen starten, der auch dorthin führt.",
    action: "Nur wem es gehört und root können es trennen.",
  }),
  "ipv6.unavailable": () => ({
    title: "IPv6 ist auf diesem Computer aus",
    text: "Der Tunnel bietet IPv6, aber der Kernel läuft ohne. Nur IPv4 wird benutzt.",
    action: "Nichts, außer Sie brauchen IPv6: Dann nehmen Sie ipv6.disable=1 von der Befehlszeile des Kernels.",
  }),
  "leak.ipv4": () => leak("IPv4", "IPv6"),
  "leak.ipv6": () => leak("IPv6", "IPv4"),
  "lockdown.not-blocking": (of) => ({
    title: "Der Verkehr ist NICHT gesperrt, obwohl er es sein sollte",
    text: `Das System weigert sich: ${of("reason")} Was die Tunnel nicht nehmen, geht direkt hinaus. Adit versucht es weiter.`,
    action: "Gehen Sie offline, wenn es darauf ankommt. Mehr sagt das Protokoll.",
  }),
  "lockdown.not-opened": (of) => ({
    title: "Der Verkehr ist noch gesperrt, obwohl es niemand mehr will",
    text: `Das System weigert sich: ${of("reason")} Adit versucht es weiter.`,
    action: "Machen Sie alles rückgängig: sudo adit reset",
  }),
  "lockdown.unreadable": (of) => ({
    title: "Ob die Sperre an ist, lässt sich nicht lesen, also ist sie an",
    text: `${of("reason")} Nichts verlässt diesen Computer außer durch einen Tunnel.`,
    action: "Entscheiden Sie neu: sudo adit lockdown off, oder: sudo adit lockdown on. Geht beides nicht: sudo adit reset",
  }),
  "managed.file": (of) => ({
    title: "Eine Konfiguration der Verwaltung ist nicht zu verstehen",
    text: `${of("file")}: ${of("reason")} Was sie vorher sagte, gilt weiter.`,
    action: `Berichtigen oder entfernen Sie ${of("file")}.`,
  }),
  "network.not-followed": (of) => ({
    title: "Die Routen des Tunnels sind die des letzten Netzes",
    text: `Sie konnten dem Wechsel des Netzes nicht folgen: ${of("reason")}. Adit versucht es weiter.`,
    action: "Bleibt es so, trennen und verbinden Sie noch einmal.",
  }),
  "path.dead": (of, language) => {
    const isOffline = of("offline") === "true";
    const why = isOffline ? "Dieser Computer hat kein Netz." : "Der Server antwortet nicht.";
    const since = of("since") === "" ? "Es" : `Seit ${language.clock(new Date(of("since")))}`;
    return {
      title: `${since} kommt nichts zurück`,
      text: `${why} Adit fragt weiter und macht von selbst weiter, sobald es gehört wird; bis dahin geht nirgendwo anders hin, was in den Tunnel gehört.`,
      action: isOffline ? "Verbinden Sie ihn wieder mit einem Netz." : "Prüfen Sie das Netz an diesem Ort, und ob der Server läuft.",
    };
  },
  "path.none": () => ({
    title: "Dieser Computer hat kein Netz",
    text: "Bis er eines hat, geht nichts durch den Tunnel; dann geht es von selbst weiter.",
    action: "Verbinden Sie ihn wieder mit einem Netz.",
  }),
  "provider.message": (of) => ({
    title: "Eine Nachricht des Providers",
    text: `„${of("message")}“`,
  }),
  "provider.restarting": () => ({
    title: "Der Provider des Tunnels wird neu gestartet",
    text: "Der vorige ist zu Ende. Bis dieser den Tunnel wieder aufgebaut hat, wartet sein Verkehr, und nichts davon geht außen.",
  }),
  "route.shadowed": (of) => ({
    title: "Das Netz holt Verkehr aus dem Tunnel",
    text: `Eine Route dieses Netzes schickt ${of("destination")} außen herum, obwohl aller Verkehr im Tunnel sein sollte.`,
    action: "Wenn Sie diesem Netz nicht trauen, lassen Sie nichts am Tunnel vorbei.",
  }),
  "secrets.wanted": (of) => {
    const known: { [secret: string]: string } = { privateKey: "den privaten Schlüssel", password: "das Passwort" };
    return {
      title: `Wartet auf ${known[of("secret")] ?? "die Zugangsdaten"} von „${of("name")}“`,
      text: "Der Dienst bewahrt das nicht auf und fragt in der Sitzung danach, der die Konfiguration gehört.",
      action: "Geben Sie es ein, wo Adit danach fragt.",
    };
  },
  "sysctl.refused": (of) => ({
    title: "Eine Einstellung des Kernels ließ sich nicht ändern",
    text: `„${of("setting")}“ wurde verweigert (${of("reason")}). Pakete aus dem VPN können verworfen werden.`,
    action: "Erlauben Sie dem Dienst, unter /proc/sys/net zu schreiben.",
  }),
};

const checks: CheckCatalogue = {
  "names.elsewhere": (of) => ({ subject: "Namen", text: `${asked(of)} wird gefragt, der zu keinem Tunnel gehört.` }),
  "names.inside": (of) => ({ subject: "Namen", text: `${asked(of)} wird gefragt.` }),
  "names.nobody": () => ({ subject: "Namen", text: "Niemand wird gefragt." }),
  "names.unclaimed": () => ({ subject: "Namen", text: "Kein Tunnel beantwortet alle Namen." }),
  "network.none": () => ({ subject: "Netz", text: "Es gibt keines." }),
  "ordinary.inside": (of) => ({ subject: of("what"), text: `Was Programme senden, geht durch ${of("tunnel")}.` }),
  "ordinary.outside": (of) => ({
    subject: of("what"),
    text: `Was Programme senden, geht an den Tunneln vorbei und sollte es nicht. Fragen Sie bei einer Konfiguration, warum ${of("address")} dorthin geht.`,
  }),
  "ordinary.stopped": (of) => ({ subject: of("what"), text: `Was Programme senden, wird aufgehalten: ${of("reason")}.` }),
  "ordinary.unwanted": (of) => ({ subject: of("what"), text: "Was Programme senden, geht an den Tunneln vorbei. Das darf es: Kein Tunnel will es." }),
  "ordinary.unwanted-stopped": (of) => ({ subject: of("what"), text: `Kein Tunnel will es, und es wird aufgehalten: ${of("reason")}.` }),
  "past.leaves": (of) => past(of, `Was ein Programm über ${of("output")} sendet, geht hinaus, und nichts davon darf es.`),
  "past.may-leave": (of) =>
    past(of, `Was ein Programm über ${of("output")} sendet, geht hinaus. Das darf es: Bei dieser Strenge bekommt eine Schnittstelle, wer auf ihr besteht, wie bei Apple.`),
  "past.may-leave-stopped": (of) => past(of, `Was ein Programm über ${of("output")} sendet, darf hinaus und kommt nicht: ${of("reason")}.`),
  "past.stopped": (of) => past(of, `Was ein Programm über ${of("output")} sendet, wird aufgehalten: ${of("reason")}.`),
};

export const health = { healthItems, checks };

function past(of: Given, text: string): { subject: string; text: string } {
  return { subject: `${of("what")} an den Tunneln vorbei`, text };
}

function asked(of: Given): string {
  return of("interface") === "" ? of("server") : `${of("server")} über ${of("interface")}`;
}

function tunnel(of: Given): string {
  if (of("foreign") !== "") return "das VPN eines anderen Benutzers";
  return of("name") === "" ? "eine Konfiguration, die es nicht mehr gibt," : `„${of("name")}“`;
}

/** The page itself has what there is to do. */
function held(of: Given, title: string): HealthWords {
  const text = "Nichts darf daran vorbei, vom Start bis zum Trennen.";
  return of("foreign") === "" ? { title, text } : { title, text, action: "Nur wem es gehört und root können das Netz öffnen." };
}

function leak(outside: string, inside: string): HealthWords {
  return {
    title: `${outside} geht am Tunnel vorbei`,
    text: `Aller Verkehr über ${inside} ist im Tunnel, der über ${outside} aber nicht, und dieses Netz hat welches.`,
    action: `Nehmen Sie ${outside} in den Tunnel, oder sperren Sie es, solange er steht.`,
  };
}

function times(of: Given): string {
  return of("times") === "1" ? "Das geschah einmal." : `Das geschah ${of("times")}-mal.`;
}

function opponent(of: Given): string {
  if (of("known") !== "") return `Es war ${of("known")}.`;
  return of("likely") === ""
    ? "Welches Programm es war, ist nicht bekannt."
    : `Es war vermutlich ${of("likely")}, das läuft und dasselbe verwaltet.`;
}

function changed(of: Given, what: string): HealthWords {
  return { title: `${what} von jemand anderem geändert und zurückgestellt`, text: `${times(of)} ${opponent(of)}` };
}

function contested(of: Given, what: string, does: string): HealthWords {
  const who = of("known") === "" ? "Jemand" : of("known");
  const consequence =
    of("yields") === "true"
      ? "und wartet nun jedes Mal länger, um nicht ohne Ende zu streiten. Bis dahin kann Verkehr abgewiesen werden oder den falschen Weg nehmen."
      : "und tut es jedes Mal sofort. Bis dahin kann Verkehr hinausgehen, der gesperrt sein sollte.";
  const other = of("known") || of("likely") || "das Programm, das es tut,";
  return {
    title: `${who} ${does} immer wieder ${what}`,
    text: `Adit hat das ${of("times")}-mal zurückgestellt ${consequence} ${opponent(of)}`,
    action: `Halten Sie ${other} davon ab, oder trennen Sie.`,
  };
}
