//! When a peer is to be sent a keepalive or a handshake, and when its keys are to be forgotten
//! (whitepaper, section 6). A state machine without a clock: whoever uses it says what time it is.

use std::time::{Duration, Instant};

use crate::session::REJECT_AFTER_TIME;

/// A handshake that is not answered is tried again after this long, and a little more.
const REKEY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a handshake is tried.
const REKEY_ATTEMPT_TIME: Duration = Duration::from_secs(90);

/// Whoever received data and has nothing to say for this long says so.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Whoever sent data and hears nothing for this long begins a handshake.
const SILENCE: Duration = KEEPALIVE_TIMEOUT.saturating_add(REKEY_TIMEOUT);

/// The largest jitter, lest two peers try at the same time again and again.
pub(crate) const JITTER: Duration = Duration::from_millis(333);

/// The timers of one peer. With none of them running, nothing ever wakes for it.
#[derive(Debug)]
pub(crate) struct Schedule {
    persistent: Option<Duration>,
    persistent_at: Option<Instant>,
    keepalive_at: Option<Instant>,
    /// More data came since the keepalive was scheduled.
    keepalive_again: bool,
    silence_at: Option<Instant>,
    retry_at: Option<Instant>,
    /// When the handshake under way was first tried.
    trying_since: Option<Instant>,
    forget_at: Option<Instant>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send an empty data message; a handshake if there is no session.
    Keepalive,
    /// Begin a handshake, in place of the one under way.
    Handshake,
    /// The handshake is tried no longer: whatever waits for it is lost.
    GiveUp,
    /// All keys are too old.
    Forget,
}

impl Schedule {
    pub(crate) fn new(persistent: Option<u16>, now: Instant) -> Self {
        let persistent = persistent.map(|seconds| Duration::from_secs(seconds.into()));
        Self {
            persistent,
            persistent_at: persistent.map(|interval| now + interval),
            keepalive_at: None,
            keepalive_again: false,
            silence_at: None,
            retry_at: None,
            trying_since: None,
            forget_at: None,
        }
    }

    /// Data was sent, other than a keepalive.
    pub(crate) fn sent_data(&mut self, jitter: Duration, now: Instant) {
        self.silence_at.get_or_insert(now + SILENCE + jitter);
        self.sent(now);
    }

    /// Any authenticated message was sent.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.keepalive_at = None;
        self.keepalive_again = false;
        self.traversed(now);
    }

    /// Data was received, other than a keepalive.
    pub(crate) fn received_data(&mut self, now: Instant) {
        self.keepalive_again = self.keepalive_at.is_some();
        self.keepalive_at.get_or_insert(now + KEEPALIVE_TIMEOUT);
        self.received(now);
    }

    /// Any authenticated message was received.
    pub(crate) fn received(&mut self, now: Instant) {
        self.silence_at = None;
        self.traversed(now);
    }

    /// An initiation was sent.
    pub(crate) fn tried(&mut self, jitter: Duration, now: Instant) {
        self.trying_since.get_or_insert(now);
        self.retry_at = Some(now + REKEY_TIMEOUT + jitter);
        self.sent(now);
    }

    /// A session was agreed on.
    pub(crate) fn agreed(&mut self, now: Instant) {
        self.retry_at = None;
        self.trying_since = None;
        self.forget_at = Some(now + 3 * REJECT_AFTER_TIME);
    }

    /// Whether a handshake of ours is under way.
    pub(crate) fn is_trying(&self) -> bool {
        self.retry_at.is_some()
    }

    /// When [`advance`](Self::advance) has something to say, if nothing happens before.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        let timers =
            [self.persistent_at, self.keepalive_at, self.silence_at, self.retry_at, self.forget_at];
        timers.into_iter().flatten().min()
    }

    /// One thing that is due. To be called until there is none.
    pub(crate) fn advance(&mut self, now: Instant) -> Option<Due> {
        let due = |at: &mut Instant| *at <= now;
        if self.retry_at.take_if(due).is_some() {
            if self.trying_since.is_some_and(|since| now < since + REKEY_ATTEMPT_TIME) {
                return Some(Due::Handshake);
            }
            self.trying_since = None;
            self.keepalive_at = None;
            self.silence_at = None;
            self.forget_at.get_or_insert(now + 3 * REJECT_AFTER_TIME);
            return Some(Due::GiveUp);
        }
        if self.silence_at.take_if(due).is_some() {
            return Some(Due::Handshake);
        }
        if self.keepalive_at.take_if(due).is_some() {
            if std::mem::take(&mut self.keepalive_again) {
                self.keepalive_at = Some(now + KEEPALIVE_TIMEOUT);
            }
            return Some(Due::Keepalive);
        }
        if self.persistent_at.take_if(due).is_some() {
            self.traversed(now);
            return Some(Due::Keepalive);
        }
        self.forget_at.take_if(due).map(|_| Due::Forget)
    }

    fn traversed(&mut self, now: Instant) {
        self.persistent_at = self.persistent.map(|interval| now + interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_peer_has_nothing_to_do_but_keepalives() {
        let begun = Instant::now();
        assert_eq!(Schedule::new(None, begun).due_at(), None);
        let mut kept = Schedule::new(Some(25), begun);
        assert_eq!(play(&mut kept, begun, 60), [(25, Due::Keepalive), (50, Due::Keepalive)]);
    }

    #[test]
    fn whoever_only_receives_sends_a_keepalive() {
        let (mut schedule, begun) = schedule();
        schedule.received_data(begun);
        assert_eq!(play(&mut schedule, begun, 100), [(10, Due::Keepalive)]);
        schedule.received_data(begun);
        schedule.received_data(begun);
        assert_eq!(schedule.advance(begun + KEEPALIVE_TIMEOUT), Some(Due::Keepalive));
        assert_eq!(schedule.due_at(), Some(begun + 2 * KEEPALIVE_TIMEOUT));
        schedule.sent_data(Duration::ZERO, begun);
        schedule.received(begun);
        assert_eq!(schedule.due_at(), None);
    }

    #[test]
    fn silence_after_data_begins_a_handshake_that_is_tried_for_a_while() {
        let (mut schedule, begun) = schedule();
        schedule.sent_data(JITTER, begun);
        schedule.sent_data(JITTER, begun + Duration::from_secs(3));
        let first = begun + SILENCE + JITTER;
        assert_eq!(schedule.due_at(), Some(first));
        assert_eq!(schedule.advance(first), Some(Due::Handshake));
        schedule.tried(Duration::ZERO, first);
        let mut tries = play(&mut schedule, first, 2000);
        assert_eq!(tries.pop(), Some((90 + 540, Due::Forget)));
        assert_eq!(tries.pop(), Some((90, Due::GiveUp)));
        assert!(tries.into_iter().eq((1..18).map(|number| (number * 5, Due::Handshake))));
        assert_eq!(schedule.due_at(), None);
    }

    #[test]
    fn an_answer_ends_trying() {
        let (mut schedule, begun) = schedule();
        schedule.tried(JITTER, begun);
        assert!(schedule.is_trying());
        schedule.agreed(begun);
        schedule.received(begun);
        assert!(!schedule.is_trying());
        assert_eq!(play(&mut schedule, begun, 2000), [(540, Due::Forget)]);
    }

    #[test]
    fn who_keeps_a_connection_alive_does_not_give_it_up() {
        let begun = Instant::now();
        let mut kept = Schedule::new(Some(60), begun);
        kept.tried(Duration::ZERO, begun);
        let done = play(&mut kept, begun, 200);
        assert!(done.contains(&(90, Due::GiveUp)));
        assert_eq!(done.last().map(|(_, due)| *due), Some(Due::Keepalive));
    }

    /// What is due until `seconds` after `begun`, and when; handshakes are sent and not answered.
    fn play(schedule: &mut Schedule, begun: Instant, seconds: u64) -> Vec<(u64, Due)> {
        let mut done = Vec::new();
        while let Some(at) =
            schedule.due_at().filter(|at| *at <= begun + Duration::from_secs(seconds))
        {
            let due = schedule.advance(at).expect("it said that something is due");
            if due == Due::Handshake {
                schedule.tried(Duration::ZERO, at);
            }
            done.push(((at - begun).as_secs(), due));
        }
        done
    }

    fn schedule() -> (Schedule, Instant) {
        let now = Instant::now();
        (Schedule::new(None, now), now)
    }
}
