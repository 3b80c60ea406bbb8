//! What the service says of a session, in a language. It speaks English itself.

use adit_model::{ConnectionError, DisconnectError, HealthCode, HealthItem, SessionStatus};

use crate::{Language, local_time};

/// The session with its sentences in the language. What is newer than this, or knows more than a standard sentence, stays as the
/// service says it.
#[must_use]
pub fn in_language(session: &SessionStatus, language: Language) -> SessionStatus {
    let mut said = session.clone();
    match language {
        Language::English => return said,
        Language::German => {}
    }
    for item in &mut said.health {
        if let Some((title, text)) = german(item) {
            (item.title, item.text) = (title, text);
        }
    }
    if let Some(error) = &mut said.last_error
        && let Some(standard) = standard(error)
    {
        error.message = german_failure(standard).into();
    }
    said
}

/// The error whose standard sentence this is.
fn standard(error: &DisconnectError) -> Option<ConnectionError> {
    ConnectionError::ALL.into_iter().find(|standard| *error == standard.plain())
}

/// Title and text.
#[expect(clippy::too_many_lines, reason = "an arm for each code")]
fn german(item: &HealthItem) -> Option<(String, String)> {
    let code = HealthCode::ALL.iter().find(|code| code.as_str() == item.code)?;
    let of = |name: &str| item.arguments.get(name).map_or("", String::as_str);
    let is = |name: &str| of(name) == "true";
    let held =
        |title: String| (title, "Nichts darf daran vorbei, vom Start bis zum Trennen.".to_owned());
    let tunnel = || match (of("foreign"), of("name")) {
        ("", "") => "eine Konfiguration, die es nicht mehr gibt,".into(),
        ("", name) => format!("„{name}“"),
        (..) => "das VPN eines anderen Benutzers".into(),
    };
    let opponent = || match (of("known"), of("likely")) {
        ("", "") => "Welches Programm es war, ist nicht bekannt.".into(),
        ("", likely) => format!("Es war vermutlich {likely}, das läuft und dasselbe verwaltet."),
        (known, _) => format!("Es war {known}."),
    };
    let times = || match of("times") {
        "1" => "Das geschah einmal.".into(),
        times => format!("Das geschah {times}-mal."),
    };
    let changed = |what: &str| {
        let title = format!("{what} von jemand anderem geändert und zurückgestellt");
        (title, format!("{} {}", times(), opponent()))
    };
    let contested = |what: &str, does: &str| {
        let who = if of("known").is_empty() { "Jemand" } else { of("known") };
        let text = format!(
            "Adit hat das {}-mal zurückgestellt. Bis es das nächste Mal geschieht, kann Verkehr den falschen Weg nehmen. {}",
            of("times"),
            opponent()
        );
        (format!("{who} {does} immer wieder {what}"), text)
    };
    let leak = |outside: &str, inside: &str| {
        let text = format!(
            "Aller Verkehr über {inside} ist im Tunnel, der über {outside} aber nicht, und dieses Netz hat welches."
        );
        (format!("{outside} geht am Tunnel vorbei"), text)
    };
    let said = |title: &str, text: &str| (title.to_owned(), text.to_owned());
    let because = |title: &str, text: String| (title.to_owned(), text);
    Some(match code {
        HealthCode::AddressPending => (
            format!("Der Tunnel hat noch keine {}-Adresse", of("family")),
            format!(
                "Das Netz dahinter hat keine zugeteilt. Bis dahin geht nirgendwohin, was über {} in \
                 den Tunnel gehört.",
                of("family")
            ),
        ),
        HealthCode::AppsNamesOutside => said(
            "Die Apps des Tunnels lösen Namen außerhalb des Tunnels auf",
            "Auf diesem System fragen Programme systemd-resolved an /etc/resolv.conf vorbei, und das fragt für alle gleich: Für wen, ist nicht zu erkennen.",
        ),
        HealthCode::AppsWithoutDns => said(
            "Der Tunnel hat keinen DNS-Server für seine Apps",
            "Was sie die Server des Netzes fragen, geht durch den Tunnel, wo die vielleicht nicht zu erreichen sind. Ein Resolver auf diesem Computer antwortet ihnen nicht, denn er würde außerhalb fragen.",
        ),
        HealthCode::BlockedConnecting => {
            held(format!("Der Verkehr wartet, bis {} verbunden ist", tunnel()))
        }
        HealthCode::BlockedReasserting => {
            held(format!("Der Verkehr wartet, bis {} wieder verbunden ist", tunnel()))
        }
        HealthCode::BlockedDisconnecting => {
            held(format!("Der Verkehr wartet, solange {} trennt", tunnel()))
        }
        HealthCode::BlockedFailed => {
            held(format!("Der Verkehr ist gesperrt: {} ist gescheitert", tunnel()))
        }
        HealthCode::BlockedEnded => held(format!(
            "Der Verkehr ist gesperrt: {} ist zu Ende, ohne getrennt worden zu sein",
            tunnel()
        )),
        HealthCode::BridgeShared => because(
            &format!("Gäste an {} sind nicht im Tunnel", of("bridge")),
            "Virtuelle Maschinen oder Container teilen sich über die Bridge das Netz mit diesem Computer. Was sie senden, geht nicht durch ihn hindurch.".into(),
        ),
        HealthCode::ChangedAddresses => changed("Die Adressen des Tunnels wurden"),
        HealthCode::ChangedDevice => (
            "Die Schnittstelle des Tunnels wurde von jemand anderem gelöscht und neu angelegt"
                .into(),
            format!("{} {}", times(), opponent()),
        ),
        HealthCode::ChangedDns => changed("Die Namensauflösung des Systems wurde"),
        HealthCode::ChangedFirewall => changed("Die Firewall-Regeln von Adit wurden"),
        HealthCode::ChangedInterface => changed("Die Schnittstelle des Tunnels wurde"),
        HealthCode::ChangedRoutes => changed("Die Routen des Tunnels wurden"),
        HealthCode::ChangedRules => changed("Die Routing-Regeln des Tunnels wurden"),
        HealthCode::ChangedSettings => changed("Die Kernel-Einstellungen des Tunnels wurden"),
        HealthCode::ConfigurationBehind => said(
            "Änderungen gelten ab dem nächsten Verbinden",
            "Die Konfiguration wurde so geändert, dass ein verbundener Tunnel nicht folgen kann.",
        ),
        HealthCode::ContestedAddresses => contested("die Adressen des Tunnels", "ändert"),
        HealthCode::ContestedDevice => contested("die Schnittstelle des Tunnels", "löscht"),
        HealthCode::ContestedDns => contested("die Namensauflösung des Systems", "ändert"),
        HealthCode::ContestedFirewall => contested("die Firewall-Regeln von Adit", "ändert"),
        HealthCode::ContestedInterface => contested("die Schnittstelle des Tunnels", "ändert"),
        HealthCode::ContestedRoutes => contested("die Routen des Tunnels", "ändert"),
        HealthCode::ContestedRules => contested("die Routing-Regeln des Tunnels", "ändert"),
        HealthCode::ContestedSettings => {
            contested("die Kernel-Einstellungen des Tunnels", "ändert")
        }
        HealthCode::DnsAskedElsewhere => said(
            "Manche Programme fragen nicht die DNS-Server des VPN",
            "Wer /etc/resolv.conf selbst liest, fragt die Server darin: weder die des VPN noch systemd-resolved.",
        ),
        HealthCode::DnsFailedOver => because(
            "Namen werden am VPN vorbei aufgelöst",
            format!(
                "Der DNS-Server {} des VPN ist durch den Tunnel nicht zu erreichen: {}.",
                of("server"),
                of("reason")
            ),
        ),
        HealthCode::DnsNotApplied => because(
            "Die DNS-Server des VPN werden nicht benutzt",
            format!("Namen werden gesucht wie ohne das VPN: {}.", of("reason")),
        ),
        HealthCode::DnsSecondInLine => said(
            "Die DNS-Server des Netzes kommen an zweiter Stelle",
            "Ein Name, den die des VPN nicht rechtzeitig beantworten, wird außerhalb des VPN gesucht.",
        ),
        HealthCode::DnsSplitUnavailable => because(
            "Die Namen des VPN löst nicht das VPN auf",
            format!(
                "Dieses System hat eine einzige Liste von DNS-Servern, daher lässt sich {} nicht an die des VPN schicken.",
                of("domains")
            ),
        ),
        HealthCode::DnsUnanswered => because(
            "Namen lassen sich nicht auflösen",
            format!(
                "Der DNS-Server {} des VPN ist durch den Tunnel nicht zu erreichen: {}.",
                of("server"),
                of("reason")
            ),
        ),
        HealthCode::FirewallPacketSockets => because(
            "Programme von root könnten am Tunnel vorbei senden",
            format!("Dieser Kernel kann Paket-Sockets nicht filtern ({}).", of("reason")),
        ),
        HealthCode::FirewallUnavailable => because(
            "Die Adresse des Tunnels ist nicht geschützt",
            format!("Die Firewall des Kernels ist nicht zu benutzen: {}.", of("reason")),
        ),
        HealthCode::Ipv6Unavailable => said(
            "IPv6 ist auf diesem Computer aus",
            "Der Tunnel bietet IPv6, aber der Kernel läuft ohne. Nur IPv4 wird benutzt.",
        ),
        HealthCode::LeakIpv4 => leak("IPv4", "IPv6"),
        HealthCode::LeakIpv6 => leak("IPv6", "IPv4"),
        HealthCode::NetworkNotFollowed => because(
            "Die Routen des Tunnels sind die des letzten Netzes",
            format!(
                "Sie konnten dem Wechsel des Netzes nicht folgen: {}. Adit versucht es weiter.",
                of("reason")
            ),
        ),
        HealthCode::PathDead => {
            let since = match of("since").parse() {
                Ok(since) => format!("Seit {}", local_time(since)),
                Err(_) => "Es".into(),
            };
            let why = if is("offline") {
                "Dieser Computer hat kein Netz."
            } else {
                "Der Server antwortet nicht."
            };
            let text = format!(
                "{why} Adit fragt weiter; bis es gehört wird, geht nirgendwo anders hin, was in den Tunnel gehört."
            );
            (format!("{since} kommt nichts zurück"), text)
        }
        HealthCode::PathNone => said(
            "Dieser Computer hat kein Netz",
            "Bis er eines hat, geht nichts durch den Tunnel; dann geht es von selbst weiter.",
        ),
        HealthCode::ProviderMessage => {
            because("Eine Nachricht des Providers", format!("„{}“", of("message")))
        }
        HealthCode::ProviderRestarting => said(
            "Der Provider des Tunnels wird neu gestartet",
            "Bis er den Tunnel wieder aufgebaut hat, wartet sein Verkehr, und nichts davon geht außen.",
        ),
        HealthCode::RouteShadowed => because(
            "Das Netz holt Verkehr aus dem Tunnel",
            format!(
                "Eine Route dieses Netzes schickt {} außen herum, obwohl aller Verkehr im Tunnel sein sollte.",
                of("destination")
            ),
        ),
        HealthCode::SecretsWanted => {
            let what = match of("secret") {
                "privateKey" => "den privaten Schlüssel",
                "password" => "das Passwort",
                _ => "die Zugangsdaten",
            };
            let title = format!("Wartet auf {what} von „{}“", of("name"));
            let text = "Der Dienst bewahrt das nicht auf und fragt in der Sitzung danach, der die Konfiguration gehört.";
            (title, text.into())
        }
        HealthCode::SysctlRefused => because(
            "Eine Einstellung des Kernels ließ sich nicht ändern",
            format!(
                "„{}“ wurde verweigert ({}). Pakete aus dem VPN können verworfen werden.",
                of("setting"),
                of("reason")
            ),
        ),
        // Of the machine, which is not spoken of here.
        HealthCode::BlockedLockdown
        | HealthCode::ForeignTunnel
        | HealthCode::LockdownNotBlocking
        | HealthCode::LockdownNotOpened
        | HealthCode::LockdownUnreadable
        | HealthCode::ManagedFile => return None,
    })
}

fn german_failure(error: ConnectionError) -> &'static str {
    match error {
        ConnectionError::Overslept => {
            "Der Computer hat zu lange geschlafen, um die Sitzung fortzusetzen."
        }
        ConnectionError::NoNetworkAvailable => "Es gibt keine Netzverbindung.",
        ConnectionError::UnrecoverableNetworkChange => {
            "Das Netz hat gewechselt, und der Tunnel konnte nicht folgen."
        }
        ConnectionError::ConfigurationFailed => "Die Konfiguration ließ sich nicht verwenden.",
        ConnectionError::ServerAddressResolutionFailed => {
            "Die Adresse des Servers war nicht zu finden."
        }
        ConnectionError::ServerNotResponding => "Der Server antwortet nicht.",
        ConnectionError::ServerDead => "Der Server antwortet nicht mehr.",
        ConnectionError::AuthenticationFailed => "Der Server hat die Zugangsdaten abgelehnt.",
        ConnectionError::ClientCertificateInvalid => {
            "Das Zertifikat dieses Computers ist ungültig."
        }
        ConnectionError::ClientCertificateNotYetValid => {
            "Das Zertifikat dieses Computers gilt noch nicht."
        }
        ConnectionError::ClientCertificateExpired => {
            "Das Zertifikat dieses Computers ist abgelaufen."
        }
        ConnectionError::PluginFailed => "Der Provider des Tunnels hat unerwartet aufgehört.",
        ConnectionError::ConfigurationNotFound => "Die Konfiguration gibt es nicht.",
        ConnectionError::PluginDisabled => {
            "Der Provider des Tunnels ist nicht installiert oder zu alt."
        }
        ConnectionError::NegotiationFailed => {
            "Der Server und dieser Computer konnten sich auf kein Protokoll einigen."
        }
        ConnectionError::ServerDisconnected => "Der Server hat die Sitzung beendet.",
        ConnectionError::ServerCertificateInvalid => "Das Zertifikat des Servers ist ungültig.",
        ConnectionError::ServerCertificateNotYetValid => {
            "Das Zertifikat des Servers gilt noch nicht."
        }
        ConnectionError::ServerCertificateExpired => "Das Zertifikat des Servers ist abgelaufen.",
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{ConfigurationId, Severity};

    use super::*;

    #[test]
    fn what_the_service_says_is_said_in_german() {
        let mut session = SessionStatus::new(ConfigurationId::from_random([1; 16]));
        for code in HealthCode::ALL {
            let item = HealthItem::new(*code, Severity::Problem, "A title", "A text.");
            session.health.push(item.with("server", "10.0.0.1").with("reason", "busy"));
        }
        session.last_error = Some(ConnectionError::ServerDead.plain());
        assert_eq!(in_language(&session, Language::English), session);

        let german = in_language(&session, Language::German);
        let title = |code: HealthCode| {
            let mut items = german.health.iter();
            &items.find(|item| item.code == code.as_str()).unwrap().title
        };
        assert_eq!(title(HealthCode::DnsUnanswered), "Namen lassen sich nicht auflösen");
        assert_eq!(title(HealthCode::ManagedFile), "A title", "it is none of a session");
        assert_eq!(german.last_error.unwrap().message, "Der Server antwortet nicht mehr.");
        let unanswered =
            "Der DNS-Server 10.0.0.1 des VPN ist durch den Tunnel nicht zu erreichen: busy.";
        assert!(german.health.iter().any(|item| item.text == unanswered));

        session.last_error = Some(ConnectionError::ServerDead.because("10.0.0.1 is gone."));
        let knows_more = in_language(&session, Language::German).last_error;
        assert_eq!(knows_more, session.last_error);
    }
}
