//! How an attempt to connect goes, from what a watcher hears.

use adit_model::{DisconnectError, SessionStatus, VpnStatus};

/// One attempt to connect, followed from before it is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The last change of the session that came before it.
    before: u64,
    phase: Phase,
}

/// How far an attempt is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not decided.
    Underway,
    /// Connected.
    Connected,
    /// Over without being connected; without error when somebody stopped it.
    Ended(Option<DisconnectError>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The session before is still to end.
    Previous,
    /// None has begun.
    Idle,
    /// Its own has begun.
    Own,
}

impl Attempt {
    /// An attempt that begins while the session is like this.
    pub(crate) fn beginning_at(session: &SessionStatus) -> Self {
        let phase = match session.status {
            VpnStatus::Disconnecting => Phase::Previous,
            VpnStatus::Invalid | VpnStatus::Disconnected => Phase::Idle,
            VpnStatus::Connecting | VpnStatus::Connected | VpnStatus::Reasserting => Phase::Own,
        };
        Self { before: session.sequence, phase }
    }

    /// Takes what the watcher hears of the session.
    pub(crate) fn observe(&mut self, session: &SessionStatus) -> Stage {
        if session.sequence <= self.before {
            return Stage::Underway;
        }
        match session.status {
            VpnStatus::Connected | VpnStatus::Reasserting => Stage::Connected,
            VpnStatus::Connecting => {
                self.phase = Phase::Own;
                Stage::Underway
            }
            VpnStatus::Disconnecting => Stage::Underway,
            VpnStatus::Disconnected | VpnStatus::Invalid => self.down(session),
        }
    }

    fn down(&mut self, session: &SessionStatus) -> Stage {
        // A watcher that lags may miss the session as a whole, which is several changes; a single
        // one is of something else.
        let missed = session.sequence > self.before + 1;
        match self.phase {
            Phase::Previous => {
                self.before = session.sequence;
                self.phase = Phase::Idle;
                Stage::Underway
            }
            Phase::Idle if !missed => Stage::Underway,
            Phase::Idle | Phase::Own => Stage::Ended(session.last_error.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{ConfigurationId, ConnectionError};

    use super::*;

    #[test]
    fn success_and_failure_are_this_attempts_own() {
        use VpnStatus as S;
        let error = Some(ConnectionError::ServerNotResponding.plain());
        let failed = Stage::Ended(error.clone());
        let stopped = Stage::Ended(None);
        for (at, heard, stage) in [
            (S::Disconnected, &[(S::Connecting, None), (S::Connected, None)][..], Stage::Connected),
            (
                S::Disconnected,
                &[
                    (S::Connecting, None),
                    (S::Disconnecting, None),
                    (S::Disconnected, error.clone()),
                ],
                failed.clone(),
            ),
            (S::Connecting, &[(S::Disconnecting, None), (S::Disconnected, None)], stopped),
            (S::Disconnecting, &[(S::Disconnected, error.clone())], Stage::Underway),
            (
                S::Disconnecting,
                &[(S::Disconnected, error.clone()), (S::Connecting, None), (S::Connected, None)],
                Stage::Connected,
            ),
            (S::Disconnected, &[(S::Disconnected, error.clone())], Stage::Underway),
            // A watcher that lags hears of the end only, here in two parts.
            (S::Disconnected, &[(S::Disconnecting, None), (S::Disconnected, error)], failed),
        ] {
            let mut attempt = Attempt::beginning_at(&session(at, 5, None));
            let mut last = attempt.observe(&session(at, 5, None));
            assert_eq!(last, Stage::Underway, "what was before decides nothing");
            for ((status, error), sequence) in heard.iter().zip(6..) {
                last = attempt.observe(&session(*status, sequence, error.clone()));
            }
            assert_eq!(last, stage, "{at:?} {heard:?}");
        }
    }

    fn session(
        status: VpnStatus,
        sequence: u64,
        last_error: Option<DisconnectError>,
    ) -> SessionStatus {
        let id = ConfigurationId::from_random([1; 16]);
        SessionStatus { status, sequence, last_error, ..SessionStatus::new(id) }
    }
}
