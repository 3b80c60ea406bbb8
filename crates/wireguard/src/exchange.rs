//! Handshakes with one peer, in both roles.

use std::time::{Duration, Instant, SystemTime};

use adit_model::wireguard::Key;

use crate::{
    handshake::{Initiation, Request},
    keys::PrivateKey,
    mac::MacWriter,
    message::{COOKIE_REPLY, INITIATION, RESPONSE},
    session::Session,
    status::DropCause,
    tai64n::Tai64N,
};

/// The low bits of a number that we give number the sessions of a peer.
const SESSION_BITS: u32 = 8;

/// Initiations in shorter succession are not sent, and not answered.
const SPACING: Duration = Duration::from_millis(20);

/// Who we are to a peer, and the handshake under way.
pub(crate) struct Exchange {
    us: PrivateKey,
    them: Key,
    preshared: [u8; 32],
    macs: MacWriter,
    /// Of the peer, in the high bits of our numbers.
    number: u32,
    given: u32,
    initiation: Option<Initiation>,
    initiated_at: Option<Instant>,
    /// Of our last initiation.
    stamped: Option<Tai64N>,
    answered_at: Option<Instant>,
    /// Of their last initiation; none older is answered (whitepaper, section 5.1).
    seen: Option<Tai64N>,
}

impl Exchange {
    /// For the peer with this number; all zero is the same as no preshared key.
    pub(crate) fn new(us: PrivateKey, them: Key, preshared: [u8; 32], number: u32) -> Self {
        Self {
            us,
            them,
            preshared,
            macs: MacWriter::new(&them),
            number,
            given: 0,
            initiation: None,
            initiated_at: None,
            stamped: None,
            answered_at: None,
            seen: None,
        }
    }

    pub(crate) fn them(&self) -> Key {
        self.them
    }

    /// The number of the peer to whom we gave a number for a session.
    pub(crate) fn peer_of(local: u32) -> u32 {
        local >> SESSION_BITS
    }

    /// Begins a handshake in place of the one under way, unless that has just begun.
    pub(crate) fn initiate(&mut self, now: Instant, wall: SystemTime) -> Option<[u8; INITIATION]> {
        let recent =
            self.initiated_at.is_some_and(|at| now.saturating_duration_since(at) < SPACING);
        if recent && self.initiation.is_some() {
            return None;
        }
        let stamp =
            Tai64N::new(wall).max(self.stamped.map_or(Tai64N::new(wall), Tai64N::successor));
        let local = self.give();
        let (initiation, mut message) =
            Initiation::new(&self.us, &self.them, &self.preshared, local, stamp)?;
        self.macs.write(&mut message, now);
        self.initiation = Some(initiation);
        self.initiated_at = Some(now);
        self.stamped = Some(stamp);
        Some(message)
    }

    /// Reads the answer to our initiation.
    pub(crate) fn finish(&mut self, response: &[u8; RESPONSE], now: Instant) -> Option<Session> {
        let agreement = self.initiation.as_mut()?.finish(response)?;
        self.initiation = None;
        Session::new(&agreement, now)
    }

    /// Answers an initiation of the peer.
    pub(crate) fn answer(
        &mut self,
        request: Request,
        now: Instant,
    ) -> Result<(Session, [u8; RESPONSE]), DropCause> {
        if self.seen.is_some_and(|seen| request.timestamp <= seen) {
            return Err(DropCause::Replayed);
        }
        if self.answered_at.is_some_and(|at| now.saturating_duration_since(at) < SPACING) {
            return Err(DropCause::UnderLoad);
        }
        let timestamp = request.timestamp;
        let local = self.give();
        let answered = request.answer(&self.preshared, local);
        let (agreement, mut message) = answered.ok_or(DropCause::Unauthentic)?;
        let session = Session::new(&agreement, now).ok_or(DropCause::Unauthentic)?;
        self.macs.write(&mut message, now);
        self.seen = Some(timestamp);
        self.answered_at = Some(now);
        Ok((session, message))
    }

    /// Takes a cookie for the messages to come.
    pub(crate) fn take_cookie(&mut self, reply: &[u8; COOKIE_REPLY], now: Instant) -> bool {
        self.macs.take_cookie(reply, now)
    }

    /// Waits for no answer any more.
    pub(crate) fn abandon(&mut self) {
        self.initiation = None;
    }

    fn give(&mut self) -> u32 {
        self.given = (self.given + 1) % (1 << SESSION_BITS);
        self.number << SESSION_BITS | self.given
    }
}
