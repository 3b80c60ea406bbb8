//! Where a peer is looked for when it does not answer. Pure: time is passed in.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use adit_model::wireguard::{Endpoint, Key};

use crate::peer::Liveness;

/// How long one address has to answer: as long as a lost initiation is waited for (whitepaper,
/// section 6.1).
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Addresses are tried ever more slowly, up to this many times [`PATIENCE`].
const MOST_PATIENCE: u32 = 6;

/// When a name that was not found is looked up again.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(2);

/// One peer's endpoint and the addresses it may have, tried in turn. Spec NW-17.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) key: Key,
    pub(crate) endpoint: Endpoint,
    addresses: Vec<SocketAddr>,
    /// The address in use.
    position: usize,
    /// When an address was last tried, or looked for.
    tried_at: Option<Instant>,
    /// Lookups that failed in a row.
    failures: u32,
    /// How often all addresses were tried in vain.
    rounds: u32,
}

/// What to do about a peer that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Shake hands at this address.
    Try(SocketAddr),
    /// All are tried: look the name up again.
    LookUp,
}

impl Search {
    pub(crate) fn new(key: Key, endpoint: Endpoint) -> Self {
        Self {
            key,
            endpoint,
            addresses: Vec::new(),
            position: 0,
            tried_at: None,
            failures: 0,
            rounds: 0,
        }
    }

    /// The endpoint's address, if it is one and no name.
    pub(crate) fn literal(&self) -> Option<IpAddr> {
        self.endpoint.host.parse().ok()
    }

    /// When the next step is due: a while after asking in vain. `insisting` goes on when the
    /// protocol has given up.
    pub(crate) fn due_at(
        &self,
        liveness: Liveness,
        insisting: bool,
        now: Instant,
    ) -> Option<Instant> {
        let Some(tried_at) = self.tried_at else { return Some(now) };
        if self.addresses.is_empty() {
            return Some(tried_at + LOOK_UP_AGAIN);
        }
        let patience = PATIENCE * (1 + self.rounds).min(MOST_PATIENCE);
        match liveness.asked_at {
            Some(asked_at) => Some(asked_at.max(tried_at) + patience),
            None if insisting => Some(tried_at + patience),
            None => None,
        }
    }

    /// The next step, once it is due.
    pub(crate) fn advance(&mut self, now: Instant) -> Step {
        self.tried_at = Some(now);
        self.position += 1;
        if let Some(next) = self.addresses.get(self.position) {
            return Step::Try(*next);
        }
        self.rounds += u32::from(!self.addresses.is_empty());
        Step::LookUp
    }

    /// Takes the result of a lookup; the first address is to be tried.
    pub(crate) fn found(&mut self, addresses: Vec<SocketAddr>, now: Instant) -> Option<SocketAddr> {
        self.tried_at = Some(now);
        self.position = 0;
        if addresses.is_empty() {
            // Those from before may still be right.
            self.failures += 1;
        } else {
            self.failures = 0;
            self.addresses = addresses;
        }
        self.addresses.first().copied()
    }

    /// The peer was asked for a reason that gives new hope.
    pub(crate) fn asked(&mut self, now: Instant) {
        self.tried_at = Some(now);
        self.rounds = 0;
    }

    /// The peer answers.
    pub(crate) fn answered(&mut self) {
        self.rounds = 0;
    }

    /// When it was last tried.
    pub(crate) fn tried_at(&self) -> Option<Instant> {
        self.tried_at
    }

    /// All addresses known.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// How often in a row the name was not found, if no address is known.
    pub(crate) fn unfound(&self) -> u32 {
        if self.addresses.is_empty() { self.failures } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: NW-17
    #[test]
    fn addresses_are_tried_in_turn_and_then_looked_up_again() {
        let start = Instant::now();
        let addresses: Vec<SocketAddr> =
            vec!["192.0.2.1:1".parse().unwrap(), "[2001:db8::1]:1".parse().unwrap()];
        let mut search = Search::new(Key::new([1; 32]), "vpn.test:1".parse().unwrap());
        let unasked = Liveness::default();
        assert_eq!(search.due_at(unasked, false, start), Some(start), "the first lookup");
        assert_eq!(search.found(addresses.clone(), start), Some(addresses[0]));
        assert_eq!(search.due_at(unasked, false, start), None, "it was not asked");
        assert_eq!(search.due_at(unasked, true, start), Some(start + PATIENCE));

        let asked = Liveness { asked_at: Some(start), ..unasked };
        let later = start + PATIENCE;
        assert_eq!(search.due_at(asked, false, start), Some(later));
        assert_eq!(search.advance(later), Step::Try(addresses[1]));
        assert_eq!(search.due_at(asked, false, later), Some(later + PATIENCE));
        assert_eq!(search.advance(later), Step::LookUp);
        assert_eq!(search.found(Vec::new(), later), Some(addresses[0]), "the old ones stay");
        assert_eq!(search.due_at(asked, false, later), Some(later + 2 * PATIENCE), "slower");
        search.answered();
        assert_eq!(search.due_at(asked, false, later), Some(later + PATIENCE));
        assert_eq!(search.unfound(), 0);
    }

    #[test]
    fn a_name_not_found_is_looked_up_again() {
        let start = Instant::now();
        let mut search = Search::new(Key::new([1; 32]), "vpn.test:1".parse().unwrap());
        for failures in 1..3 {
            assert_eq!(search.found(Vec::new(), start), None);
            assert_eq!(search.unfound(), failures);
            let due = search.due_at(Liveness::default(), false, start);
            assert_eq!(due, Some(start + LOOK_UP_AGAIN));
        }
    }
}
