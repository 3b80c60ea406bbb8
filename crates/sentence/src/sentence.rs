//! The one sentence about a session that is always true and complete.

use adit_model::{
    Enablement, HealthCode, HealthItem, SessionStatus, Severity, VpnConfiguration, VpnStatus,
    on_demand::OnDemandStatus,
};
use jiff::Timestamp;

use crate::{
    glyph::Glyph,
    language::Language,
    on_demand,
    quantity::{since, span},
    traffic::Traffic,
};

/// A state in a shape and in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The shape.
    pub glyph: Glyph,
    /// The words.
    pub text: String,
}

/// What is to be said about a session at the time `now`.
#[must_use]
pub fn sentence(
    configuration: &VpnConfiguration,
    session: &SessionStatus,
    now: Timestamp,
    language: Language,
) -> Sentence {
    let server = &configuration.protocol.server_address;
    let held = language.of("Its traffic is held meanwhile.", "Sein Verkehr wartet solange.");
    match session.status {
        VpnStatus::Invalid => {
            let text = ("The configuration does not exist.", "Die Konfiguration gibt es nicht.");
            say(Glyph::Problem, language.of(text.0, text.1))
        }
        VpnStatus::Disconnected => disconnected(configuration, session, language),
        VpnStatus::Connecting => {
            let held = language.of("Traffic is held meanwhile.", "Der Verkehr wartet solange.");
            let held = if session.blocking { format!(" {held}") } else { String::new() };
            if let Some(item) =
                session.health.iter().find(|item| item.code == HealthCode::SecretsWanted.as_str())
            {
                let german = "Wartet auf die Zugangsdaten";
                let asking = language.of(item.title.as_str(), german);
                return say(Glyph::Connecting, format!("{asking} ...{held}"));
            }
            let connecting = language.of("Connecting to", "Verbindet mit");
            say(Glyph::Connecting, format!("{connecting} {server} ...{held}"))
        }
        VpnStatus::Connected => connected(configuration, session, now, language),
        VpnStatus::Reasserting => {
            let reason = worst(session).map_or_else(
                || waiting(server, language),
                |item| in_sentence(&item.title, language),
            );
            let reconnecting = language.of("Reconnecting", "Verbindet neu");
            say(Glyph::Reasserting, format!("{reconnecting}: {reason}. {held}"))
        }
        VpnStatus::Disconnecting => {
            let disconnecting = language.of("Disconnecting from", "Trennt von");
            say(Glyph::Connecting, format!("{disconnecting} {server} ..."))
        }
    }
}

/// What a session that is coming up waits for, to follow “Connecting to ...:”.
#[must_use]
pub fn waiting_for(configuration: &VpnConfiguration, session: &SessionStatus) -> String {
    match worst(session) {
        Some(item) => in_sentence(&item.title, Language::English),
        None => waiting(&configuration.protocol.server_address, Language::English),
    }
}

fn waiting(server: &str, language: Language) -> String {
    match language {
        Language::English => format!("waiting for {server} to answer"),
        Language::German => format!("wartet auf eine Antwort von {server}"),
    }
}

fn disconnected(
    configuration: &VpnConfiguration,
    session: &SessionStatus,
    language: Language,
) -> Sentence {
    let failed = session.last_error.as_ref().map(|error| error.message.as_str());
    let plain = language.of("Not connected.", "Nicht verbunden.");
    if session.blocking {
        let cause = failed.unwrap_or(language.of(
            "The tunnel is down, and nothing may go around it.",
            "Der Tunnel ist unten, und nichts darf an ihm vorbei.",
        ));
        return blocked(&in_sentence(cause, language), language);
    }
    if let Some(status) = &session.on_demand {
        let rules = &configuration.on_demand.rules;
        let waiting = on_demand::waiting(rules, status, language);
        let parts = [Some(plain), failed, Some(&waiting)];
        let text = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        return match status {
            OnDemandStatus::Armed { .. } => say(Glyph::Waiting, text),
            OnDemandStatus::Paused { .. } if failed.is_some() => say(Glyph::Problem, text),
            OnDemandStatus::Paused { .. } => say(Glyph::Disconnected, text),
        };
    }
    if let Some(failed) = failed {
        return say(Glyph::Problem, format!("{plain} {failed}"));
    }
    match configuration.enablement {
        Enablement::Enabled if configuration.routing_method.is_per_app() => {
            let apps = language.of(
                "What “adit run” has started has no network.",
                "Was „adit run“ gestartet hat, hat kein Netz.",
            );
            say(Glyph::Disconnected, format!("{plain} {apps}"))
        }
        Enablement::Enabled => say(Glyph::Disconnected, plain),
        Enablement::SetAside => {
            let why = language.of(
                "Another configuration took its place; connecting takes it back.",
                "Eine andere Konfiguration hat den Platz; Verbinden holt ihn zurück.",
            );
            say(Glyph::Disconnected, format!("{plain} {why}"))
        }
        Enablement::Disabled => {
            let text = language.of(
                "Disabled. It connects only after being enabled.",
                "Abgeschaltet. Sie verbindet erst, wenn sie wieder eingeschaltet ist.",
            );
            say(Glyph::Disconnected, text)
        }
    }
}

fn connected(
    configuration: &VpnConfiguration,
    session: &SessionStatus,
    now: Timestamp,
    language: Language,
) -> Sentence {
    let problem = worst(session).filter(|item| item.severity == Severity::Problem);
    if session.blocking {
        let cause = problem.map_or_else(
            || {
                language
                    .of("it may not go around the tunnel", "er darf nicht am Tunnel vorbei")
                    .into()
            },
            |item| in_sentence(&item.title, language),
        );
        return blocked(&cause, language);
    }
    if let Some(item) = problem {
        let but = language.of("Connected, but", "Verbunden, aber:");
        return say(Glyph::Impaired, format!("{but} {}.", in_sentence(&item.title, language)));
    }
    let time = session.connected_at.map(|then| span(since(then, now)));
    let mut text = match (language, time) {
        (Language::English, Some(time)) => format!("Connected for {time}."),
        (Language::English, None) => "Connected.".into(),
        (Language::German, Some(time)) => format!("Seit {time} verbunden."),
        (Language::German, None) => "Verbunden.".into(),
    };
    let server = &configuration.protocol.server_address;
    if let Some(traffic) = Traffic::expected(configuration).sentence(server, language) {
        text.extend([" ", &traffic]);
    }
    say(Glyph::Connected, text)
}

fn blocked(cause: &str, language: Language) -> Sentence {
    let blocked = language.of("Traffic is blocked", "Der Verkehr ist gesperrt");
    say(Glyph::Blocked, format!("{blocked}: {cause}."))
}

/// The health item to mention when only one can be.
fn worst(session: &SessionStatus) -> Option<&HealthItem> {
    let of = |severity: Severity| session.health.iter().find(move |i| i.severity == severity);
    of(Severity::Problem).or_else(|| of(Severity::Warning))
}

/// A sentence or title as a part of another sentence: without full stop, and in English without capital
/// unless it begins with a name such as IPv6. In German it may begin with a noun.
fn in_sentence(text: &str, language: Language) -> String {
    let text = text.trim().trim_end_matches('.');
    match language {
        Language::English => {}
        Language::German => return text.into(),
    }
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(chars).collect()
        }
        (Some(_) | None, _) => text.into(),
    }
}

fn say(glyph: Glyph, text: impl Into<String>) -> Sentence {
    Sentence { glyph, text: text.into() }
}

#[cfg(test)]
mod tests {
    use adit_model::{
        ConfigurationId, ConnectionError, HealthCode, TunnelProviderProtocol, on_demand::PauseEnd,
    };

    use super::*;

    #[test]
    fn a_session_that_is_down_says_where_traffic_goes_or_why_it_does_not() {
        use VpnStatus::{Disconnected, Disconnecting, Invalid};
        check(Invalid, |_, _| {}, Glyph::Problem, "The configuration does not exist.");
        let text = "Not connected.";
        check(Disconnected, |_, _| {}, Glyph::Disconnected, text);
        let disabled: Edit = |c, _| c.enablement = Enablement::Disabled;
        let text = "Disabled. It connects only after being enabled.";
        check(Disconnected, disabled, Glyph::Disconnected, text);
        let set_aside: Edit = |c, _| c.enablement = Enablement::SetAside;
        let text = "Not connected. Another configuration took its place; connecting takes it back.";
        check(Disconnected, set_aside, Glyph::Disconnected, text);
        let failed: Edit = |_, s| s.last_error = Some(ConnectionError::ServerDead.plain());
        let text = "Not connected. The server has stopped answering.";
        check(Disconnected, failed, Glyph::Problem, text);
        let text = "Traffic is blocked: the tunnel is down, and nothing may go around it.";
        check(Disconnected, |_, s| s.blocking = true, Glyph::Blocked, text);
        let crashed: Edit = |_, s| {
            s.blocking = true;
            s.last_error = Some(ConnectionError::PluginFailed.plain());
        };
        let text = "Traffic is blocked: the tunnel provider stopped unexpectedly.";
        check(Disconnected, crashed, Glyph::Blocked, text);
        let text = "Disconnecting from vpn.example ...";
        check(Disconnecting, |_, _| {}, Glyph::Connecting, text);
    }

    #[test]
    fn a_session_that_connects_by_itself_waits() {
        use VpnStatus::Disconnected;
        let armed: Edit = |_, s| {
            s.on_demand =
                Some(OnDemandStatus::Armed { rule: None, retry_at: None, obstacle: None });
        };
        let text = "Not connected. Connects by itself when a rule says so.";
        check(Disconnected, armed, Glyph::Waiting, text);
        let failed: Edit = |_, s| {
            s.on_demand =
                Some(OnDemandStatus::Armed { rule: None, retry_at: None, obstacle: None });
            s.last_error = Some(ConnectionError::ServerDead.plain());
        };
        let text = "Not connected. The server has stopped answering. Connects by itself when a rule \
                    says so.";
        check(Disconnected, failed, Glyph::Waiting, text);
        let paused: Edit = |_, s| {
            s.on_demand = Some(OnDemandStatus::Paused { end: PauseEnd::ByHand });
        };
        let text = "Not connected. On demand is paused until you connect or resume it.";
        check(Disconnected, paused, Glyph::Disconnected, text);
    }

    #[test]
    fn a_session_that_is_up_says_what_goes_through_or_what_is_wrong() {
        use VpnStatus::{Connected, Connecting, Reasserting};
        check(Connecting, |_, _| {}, Glyph::Connecting, "Connecting to vpn.example ...");
        let text = "Connecting to vpn.example ... Traffic is held meanwhile.";
        check(Connecting, |_, s| s.blocking = true, Glyph::Connecting, text);
        let asking: Edit = |_, s| {
            s.health = vec![item(Severity::Warning, "Waiting for the password of “work”")];
            s.health[0].code = HealthCode::SecretsWanted.as_str().into();
        };
        let text = "Waiting for the password of “work” ...";
        check(Connecting, asking, Glyph::Connecting, text);
        let whole = "Connected for 2 h 5 min. Only 10.0.0.0/8 goes through vpn.example.";
        check(Connected, |_, _| {}, Glyph::Connected, whole);
        let warned: Edit = |_, s| s.health = vec![item(Severity::Warning, "A warning")];
        check(Connected, warned, Glyph::Connected, whole);
        let unknown: Edit = |c, s| {
            c.protocol.expected_routes.clear();
            s.connected_at = None;
        };
        check(Connected, unknown, Glyph::Connected, "Connected.");
        let silent: Edit =
            |_, s| s.health = vec![item(Severity::Problem, "Nothing has come back for 2 min")];
        let text = "Connected, but nothing has come back for 2 min.";
        check(Connected, silent, Glyph::Impaired, text);
        let blocked: Edit = |_, s| {
            s.blocking = true;
            s.health = vec![item(Severity::Problem, "IPv6 has no way out.")];
        };
        check(Connected, blocked, Glyph::Blocked, "Traffic is blocked: IPv6 has no way out.");
        let text =
            "Reconnecting: waiting for vpn.example to answer. Its traffic is held meanwhile.";
        check(Reasserting, |_, _| {}, Glyph::Reasserting, text);
        let moved: Edit = |_, s| s.health = vec![item(Severity::Warning, "The network changed")];
        let text = "Reconnecting: the network changed. Its traffic is held meanwhile.";
        check(Reasserting, moved, Glyph::Reasserting, text);
    }

    #[test]
    fn german_says_the_same() {
        let said = |status, edit: Edit| {
            let (mut configuration, mut session) = example(status);
            edit(&mut configuration, &mut session);
            sentence(&configuration, &session, now(), Language::German).text
        };
        let text = "Seit 2 h 5 min verbunden. Nur 10.0.0.0/8 läuft durch vpn.example.";
        assert_eq!(said(VpnStatus::Connected, |_, _| {}), text);
        let text =
            "Verbindet neu: wartet auf eine Antwort von vpn.example. Sein Verkehr wartet solange.";
        assert_eq!(said(VpnStatus::Reasserting, |_, _| {}), text);
        let text = "Der Verkehr ist gesperrt: Der Tunnel ist unten, und nichts darf an ihm vorbei.";
        assert_eq!(said(VpnStatus::Disconnected, |_, s| s.blocking = true), text);
    }

    type Edit = fn(&mut VpnConfiguration, &mut SessionStatus);

    fn check(status: VpnStatus, edit: Edit, glyph: Glyph, text: &str) {
        let (mut configuration, mut session) = example(status);
        edit(&mut configuration, &mut session);
        let expected = Sentence { glyph, text: text.into() };
        assert_eq!(sentence(&configuration, &session, now(), Language::English), expected);
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn example(status: VpnStatus) -> (VpnConfiguration, SessionStatus) {
        let id = ConfigurationId::from_random([1; 16]);
        let mut protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        protocol.expected_routes = vec!["10.0.0.0/8".parse().unwrap()];
        let session = SessionStatus {
            status,
            connected_at: Some(Timestamp::from_second(1_800_000_000 - 7500).unwrap()),
            ..SessionStatus::new(id)
        };
        (VpnConfiguration::new(id, "work", protocol), session)
    }

    fn item(severity: Severity, title: &str) -> HealthItem {
        HealthItem::new(HealthCode::PathDead, severity, title, "A text.")
    }
}
