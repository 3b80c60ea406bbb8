//! The one sentence about a session that is always true and complete.

use adit_model::{Enablement, HealthItem, SessionStatus, Severity, VpnConfiguration, VpnStatus};
use jiff::Timestamp;

use crate::{
    glyph::Glyph,
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

/// Stands for the time since the session is connected, which goes on while nothing else changes.
const TIME: &str = "{time}";

/// What is to be said about a session at the time `now`.
#[must_use]
pub fn sentence(
    configuration: &VpnConfiguration,
    session: &SessionStatus,
    now: Timestamp,
) -> Sentence {
    let Sentence { glyph, text } = headline(configuration, session);
    let text = match session.connected_at {
        Some(then) => text.replacen(TIME, &span(since(then, now)), 1),
        None => text,
    };
    Sentence { glyph, text }
}

/// The same at any time: `{time}` stands for the time since the session is connected.
#[must_use]
pub fn headline(configuration: &VpnConfiguration, session: &SessionStatus) -> Sentence {
    let server = &configuration.protocol.server_address;
    match session.status {
        VpnStatus::Invalid => say(Glyph::Problem, "The configuration does not exist."),
        VpnStatus::Disconnected => disconnected(configuration, session),
        VpnStatus::Connecting => {
            let held = if session.blocking { " Traffic is held meanwhile." } else { "" };
            say(Glyph::Connecting, format!("Connecting to {server} ...{held}"))
        }
        VpnStatus::Connected => connected(configuration, session),
        VpnStatus::Reasserting => {
            let reason = worst(session).map_or_else(
                || format!("waiting for {server} to answer"),
                |item| in_sentence(&item.title),
            );
            let text = format!("Reconnecting: {reason}. Its traffic is held meanwhile.");
            say(Glyph::Reasserting, text)
        }
        VpnStatus::Disconnecting => {
            say(Glyph::Connecting, format!("Disconnecting from {server} ..."))
        }
    }
}

/// What a session that is coming up waits for, to follow “Connecting to ...:”.
#[must_use]
pub fn waiting_for(configuration: &VpnConfiguration, session: &SessionStatus) -> String {
    match worst(session) {
        Some(item) => in_sentence(&item.title),
        None => format!("waiting for {} to answer", configuration.protocol.server_address),
    }
}

fn disconnected(configuration: &VpnConfiguration, session: &SessionStatus) -> Sentence {
    let failed = session.last_error.as_ref().map(|error| error.message.as_str());
    if session.blocking {
        let cause = failed.unwrap_or("The tunnel is down, and nothing may go around it.");
        let text = format!("Traffic is blocked: {}.", in_sentence(cause));
        return say(Glyph::Blocked, text);
    }
    if let Some(failed) = failed {
        return say(Glyph::Problem, format!("Not connected. {failed}"));
    }
    match configuration.enablement {
        Enablement::Enabled => say(Glyph::Disconnected, "Not connected."),
        Enablement::SetAside => say(
            Glyph::Disconnected,
            "Not connected. Another configuration took its place; connecting takes it back.",
        ),
        Enablement::Disabled => {
            say(Glyph::Disconnected, "Disabled. It connects only after being enabled.")
        }
    }
}

fn connected(configuration: &VpnConfiguration, session: &SessionStatus) -> Sentence {
    let problem = worst(session).filter(|item| item.severity == Severity::Problem);
    if session.blocking {
        let cause = problem.map_or_else(
            || "it may not go around the tunnel".into(),
            |item| in_sentence(&item.title),
        );
        return say(Glyph::Blocked, format!("Traffic is blocked: {cause}."));
    }
    if let Some(item) = problem {
        let text = format!("Connected, but {}.", in_sentence(&item.title));
        return say(Glyph::Impaired, text);
    }
    let time = session.connected_at.map(|_| format!(" for {TIME}"));
    let mut text = format!("Connected{}.", time.unwrap_or_default());
    if let Some(traffic) =
        Traffic::expected(configuration).sentence(&configuration.protocol.server_address)
    {
        text.extend([" ", &traffic]);
    }
    say(Glyph::Connected, text)
}

/// The health item to mention when only one can be.
fn worst(session: &SessionStatus) -> Option<&HealthItem> {
    let of = |severity: Severity| session.health.iter().find(move |i| i.severity == severity);
    of(Severity::Problem).or_else(|| of(Severity::Warning))
}

/// A sentence or title as a part of another sentence: without full stop, and without capital
/// unless it begins with a name such as IPv6.
fn in_sentence(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
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
    use adit_model::{ConfigurationId, ConnectionError, TunnelProviderProtocol};

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
    fn a_session_that_is_up_says_what_goes_through_or_what_is_wrong() {
        use VpnStatus::{Connected, Connecting, Reasserting};
        check(Connecting, |_, _| {}, Glyph::Connecting, "Connecting to vpn.example ...");
        let text = "Connecting to vpn.example ... Traffic is held meanwhile.";
        check(Connecting, |_, s| s.blocking = true, Glyph::Connecting, text);
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

    type Edit = fn(&mut VpnConfiguration, &mut SessionStatus);

    fn check(status: VpnStatus, edit: Edit, glyph: Glyph, text: &str) {
        let (mut configuration, mut session) = example(status);
        edit(&mut configuration, &mut session);
        let expected = Sentence { glyph, text: text.into() };
        assert_eq!(sentence(&configuration, &session, now()), expected);
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
        let (code, title, text) = ("test".into(), title.into(), "A text.".into());
        HealthItem { code, severity, title, text, action: None }
    }
}
