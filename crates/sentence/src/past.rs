//! What is said about a session that is over.

use adit_model::{PastSession, ProviderStopReason};

use crate::quantity::{bytes, since, span};

/// How long it was connected, what went through it, who started it and what ended it, to the user
/// `viewer`.
#[must_use]
pub fn past(session: &PastSession, viewer: u32) -> String {
    let time = match (session.connected_at, session.ended_at) {
        (None, Some(_) | None) => "Never connected.".into(),
        (Some(_), None) => "Connected.".into(),
        (Some(from), Some(to)) => format!("Connected for {}.", span(since(from, to))),
    };
    let traffic = session.traffic.filter(|_| session.connected_at.is_some()).map(|traffic| {
        let (received, sent) = (bytes(traffic.rx_bytes), bytes(traffic.tx_bytes));
        format!("{received} received, {sent} sent.")
    });
    let start = format!("Started {}.", session.start_cause.words(viewer));
    let restarts = match session.provider_restarts {
        0 => None,
        1 => Some("Its provider was restarted once.".into()),
        times => Some(format!("Its provider was restarted {times} times.")),
    };
    let end = match &session.last_error {
        Some(error) => error.message.clone(),
        None => ended(session.stop_reason).into(),
    };
    let parts = [Some(time), traffic, Some(start), restarts, Some(end)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn ended(reason: ProviderStopReason) -> &'static str {
    match reason {
        ProviderStopReason::None => "The service was ended.",
        ProviderStopReason::UserInitiated => "Disconnected by hand.",
        ProviderStopReason::ProviderFailed => "The tunnel provider gave up.",
        ProviderStopReason::NoNetworkAvailable => "There was no network.",
        ProviderStopReason::UnrecoverableNetworkChange => "The network changed.",
        ProviderStopReason::ProviderDisabled => "The tunnel provider was disabled.",
        ProviderStopReason::AuthenticationCanceled => "The request for credentials was closed.",
        ProviderStopReason::ConfigurationFailed => "The configuration was refused.",
        ProviderStopReason::IdleTimeout => "Nothing went through it any more.",
        ProviderStopReason::ConfigurationDisabled => "The configuration was disabled.",
        ProviderStopReason::ConfigurationRemoved => "The configuration was removed.",
        ProviderStopReason::Superceded => "Another configuration took its place.",
        ProviderStopReason::UserLogout => "Its owner logged out.",
        ProviderStopReason::UserSwitch => "Another user took over the computer.",
        ProviderStopReason::ConnectionFailed => "The connection could not be established.",
        ProviderStopReason::Sleep => "The computer went to sleep.",
        ProviderStopReason::AppUpdate => "The tunnel provider was updated.",
        ProviderStopReason::InternalError => {
            "The service or the computer stopped before anybody saw its end."
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{ConfigurationId, ConnectionError, SessionTraffic, StartCause};
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_session_that_is_over_is_told_from_its_start_to_its_end() {
        let text = "Connected for 2 h 5 min. 1.2 MB received, 300.0 kB sent. Started by you. \
                    Disconnected by hand.";
        check(|_| {}, text);
        let text = "Connected for 2 h 5 min. 1.2 MB received, 300.0 kB sent. Started by you. \
                    Its provider was restarted 2 times. Another configuration took its place.";
        let superseded: Edit = |session| {
            session.provider_restarts = 2;
            session.stop_reason = ProviderStopReason::Superceded;
        };
        check(superseded, text);
        let failed: Edit = |session| {
            session.connected_at = None;
            let reason = "rule 3 matched Wi-Fi Café".into();
            session.start_cause = StartCause::OnDemand { rule: 2, reason };
            session.stop_reason = ProviderStopReason::ConnectionFailed;
            session.last_error = Some(ConnectionError::ServerDead.plain());
        };
        let text = "Never connected. Started on demand: rule 3 matched Wi-Fi Café. \
                    The server has stopped answering.";
        check(failed, text);
        let lost: Edit = |session| {
            session.ended_at = None;
            session.traffic = None;
            session.stop_reason = ProviderStopReason::InternalError;
        };
        let text = "Connected. Started by you. \
                    The service or the computer stopped before anybody saw its end.";
        check(lost, text);
    }

    type Edit = fn(&mut PastSession);

    fn check(edit: Edit, text: &str) {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let mut session = PastSession {
            id: ConfigurationId::from_random([1; 16]),
            name: "work".into(),
            start_cause: StartCause::User { uid: 1000 },
            started_at: at(0),
            connected_at: Some(at(1)),
            ended_at: Some(at(7501)),
            stop_reason: ProviderStopReason::UserInitiated,
            last_error: None,
            traffic: Some(SessionTraffic { rx_bytes: 1_200_000, tx_bytes: 300_000 }),
            provider_restarts: 0,
        };
        edit(&mut session);
        assert_eq!(past(&session, 1000), text);
    }
}
