//! The keys of a session, and data messages sealed and opened in place with them (whitepaper,
//! section 5.4.6).

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use crate::{
    handshake::{Agreement, Role},
    message::{DATA_HEADER, DATA_OVERHEAD, Kind, TAG},
    replay::ReplayWindow,
};

/// After as many messages a session is to be replaced (whitepaper, section 6.1).
const REKEY_AFTER_MESSAGES: u64 = 1 << 60;

/// Counters from here on are never used.
const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);

/// After this long its initiator replaces a session that it sends in.
const REKEY_AFTER_TIME: Duration = Duration::from_secs(120);

/// After this long a session is over.
pub(crate) const REJECT_AFTER_TIME: Duration = Duration::from_secs(180);

/// After this long its initiator replaces a session that it only receives in: what is left is time
/// for a keepalive and a try ([`crate::schedule`]).
const REKEY_ON_RECEIVING: Duration = Duration::from_secs(165);

/// Contents are padded to multiples of this, lest their lengths say too much.
const PADDING: usize = 16;

/// One of the sessions with a peer. All threads share it: what changes is the counter of what was
/// sealed, and the window of what was opened.
pub(crate) struct Session {
    /// How we number it.
    pub(crate) local: u32,
    role: Role,
    begun: Instant,
    /// Type and number of each message that is sealed.
    header: [u8; 8],
    sealing: LessSafeKey,
    opening: LessSafeKey,
    sealed: AtomicU64,
    window: Mutex<ReplayWindow>,
}

/// The content of an authentic message lies at [`DATA_HEADER`] of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) length: usize,
    /// To be shown to [`Session::admitting`] before the content is used.
    pub(crate) counter: u64,
}

impl Session {
    /// `None` if the library refuses the keys, which it does not.
    pub(crate) fn new(agreement: &Agreement, now: Instant) -> Option<Self> {
        let key = |bytes: &[u8; 32]| {
            UnboundKey::new(&CHACHA20_POLY1305, bytes).ok().map(LessSafeKey::new)
        };
        let mut header = [0; 8];
        header[..4].copy_from_slice(&Kind::Data.header());
        header[4..].copy_from_slice(&agreement.remote.to_le_bytes());
        Some(Self {
            local: agreement.local,
            role: agreement.role,
            begun: now,
            header,
            sealing: key(&agreement.sealing)?,
            opening: key(&agreement.opening)?,
            sealed: AtomicU64::new(0),
            window: Mutex::new(ReplayWindow::new()),
        })
    }

    /// Takes the counters of `count` messages, at most 256, and returns the first. `None` if the
    /// session is over.
    pub(crate) fn reserve(&self, count: usize, now: Instant) -> Option<u64> {
        if self.has_ended(now) {
            return None;
        }
        // It exceeds the limit by the messages of a few threads, and the limit leaves room.
        Some(self.sealed.fetch_add(count as u64, Ordering::Relaxed))
    }

    /// Seals the content of `length` bytes that lies at [`DATA_HEADER`] of `message`, which has
    /// [`sealed_length`] bytes. Each counter is used once.
    pub(crate) fn seal(&self, counter: u64, message: &mut [u8], length: usize) -> bool {
        let (header, body) = message.split_at_mut(DATA_HEADER);
        header[..8].copy_from_slice(&self.header);
        header[8..].copy_from_slice(&counter.to_le_bytes());
        let (content, tag) = body.split_at_mut(body.len() - TAG);
        content[length..].fill(0);
        let sealed = self.sealing.seal_in_place_separate_tag(nonce(counter), Aad::empty(), content);
        sealed.map(|sealed| tag.copy_from_slice(sealed.as_ref())).is_ok()
    }

    /// Opens a data message where it lies. `None` if it is not authentic.
    pub(crate) fn open(&self, message: &mut [u8]) -> Option<Content> {
        let counter = u64::from_le_bytes(*message.get(8..)?.first_chunk()?);
        if counter >= REJECT_AFTER_MESSAGES {
            return None;
        }
        let body = message.get_mut(DATA_HEADER..)?;
        let content = self.opening.open_in_place(nonce(counter), Aad::empty(), body).ok()?;
        Some(Content { length: content.len(), counter })
    }

    /// Works on the window of a batch of contents. It is locked for that, and never for cryptography.
    pub(crate) fn admitting<T>(&self, then: impl FnOnce(&mut ReplayWindow) -> T) -> T {
        then(&mut self.window.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether it must not be used any more.
    pub(crate) fn has_ended(&self, now: Instant) -> bool {
        self.age(now) >= REJECT_AFTER_TIME
            || self.sealed.load(Ordering::Relaxed) >= REJECT_AFTER_MESSAGES
    }

    /// Whether another should be agreed on, after something was sent.
    pub(crate) fn is_worn_by_sending(&self, now: Instant) -> bool {
        self.sealed.load(Ordering::Relaxed) >= REKEY_AFTER_MESSAGES
            || (self.role == Role::Initiator && self.age(now) >= REKEY_AFTER_TIME)
    }

    /// Whether another should be agreed on, after something was received.
    pub(crate) fn is_worn_by_receiving(&self, now: Instant) -> bool {
        self.role == Role::Initiator && self.age(now) >= REKEY_ON_RECEIVING
    }

    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.begun)
    }
}

/// The length of the message for a content of `length` bytes; padding makes none longer than `mtu`.
pub(crate) fn sealed_length(length: usize, mtu: usize) -> usize {
    length.next_multiple_of(PADDING).min(mtu).max(length) + DATA_OVERHEAD
}

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MTU: usize = 1420;

    #[test]
    fn what_one_end_seals_the_other_opens_once() {
        let (ours, theirs, now) = pair();
        let mut message = sealed(&ours, &[7; 100], now);
        assert_eq!(message.len(), 112 + DATA_OVERHEAD);
        assert_eq!(message[..8], [4, 0, 0, 0, 2, 0, 0, 0]);
        let copy = message.clone();
        let content = theirs.open(&mut message).unwrap();
        assert_eq!(content, Content { length: 112, counter: 0 });
        assert_eq!(message[DATA_HEADER..][..112], [[7; 100].as_slice(), &[0; 12]].concat());
        assert!(theirs.admitting(|window| window.admit(content.counter)));
        let again = theirs.open(&mut copy.clone()).unwrap();
        assert!(!theirs.admitting(|window| window.admit(again.counter)));
    }

    #[test]
    fn a_changed_message_is_not_opened() {
        let (ours, theirs, now) = pair();
        let message = sealed(&ours, &[7; 20], now);
        for at in 8..message.len() {
            let mut message = message.clone();
            message[at] ^= 1;
            assert_eq!(theirs.open(&mut message), None, "byte {at}");
        }
        assert_eq!(ours.open(&mut message.clone()), None, "the other direction");
    }

    #[test]
    fn a_session_wears_out_and_ends() {
        let (initiator, responder, begun) = pair();
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert!(
            !initiator.is_worn_by_sending(after(119)) && initiator.is_worn_by_sending(after(120))
        );
        assert!(
            !initiator.is_worn_by_receiving(after(164))
                && initiator.is_worn_by_receiving(after(165))
        );
        assert!(
            !responder.is_worn_by_sending(after(179))
                && !responder.is_worn_by_receiving(after(179))
        );
        assert_eq!(responder.reserve(1, after(179)), Some(0));
        assert_eq!(responder.reserve(1, after(180)), None);

        responder.sealed.store(REKEY_AFTER_MESSAGES, Ordering::Relaxed);
        assert!(responder.is_worn_by_sending(begun));
        responder.sealed.store(REJECT_AFTER_MESSAGES - 1, Ordering::Relaxed);
        assert_eq!(responder.reserve(2, begun), Some(REJECT_AFTER_MESSAGES - 1));
        assert_eq!(responder.reserve(1, begun), None);
        let mut beyond = vec![0; DATA_OVERHEAD];
        assert!(responder.seal(REJECT_AFTER_MESSAGES, &mut beyond, 0));
        assert_eq!(initiator.open(&mut beyond), None);
    }

    #[test]
    fn counters_are_never_used_twice() {
        let (session, _, now) = pair();
        let taken = std::thread::scope(|scope| {
            let take = || (0..1000).map(|_| session.reserve(3, now).unwrap()).collect::<Vec<_>>();
            let threads = [(); 4].map(|()| scope.spawn(take));
            threads.map(|thread| thread.join().unwrap()).concat()
        });
        let mut firsts = taken;
        firsts.sort_unstable();
        assert!(firsts.into_iter().eq((0..4000).map(|number| number * 3)));
    }

    #[test]
    fn padding_never_exceeds_the_mtu() {
        for (length, padded) in
            [(0, 0), (1, 16), (16, 16), (1400, 1408), (1419, 1420), (2000, 2000)]
        {
            assert_eq!(sealed_length(length, MTU), padded + DATA_OVERHEAD, "{length}");
        }
    }

    fn sealed(session: &Session, content: &[u8], now: Instant) -> Vec<u8> {
        let mut message = vec![0xff; sealed_length(content.len(), MTU)];
        message[DATA_HEADER..][..content.len()].copy_from_slice(content);
        let counter = session.reserve(1, now).unwrap();
        assert!(session.seal(counter, &mut message, content.len()));
        message
    }

    /// An initiator and a responder.
    fn pair() -> (Session, Session, Instant) {
        let now = Instant::now();
        let (one, other) = ([1; 32].into(), [2; 32].into());
        let ours =
            Agreement { role: Role::Initiator, local: 1, remote: 2, sealing: one, opening: other };
        let theirs = Agreement {
            role: Role::Responder,
            local: 2,
            remote: 1,
            sealing: ours.opening.clone(),
            opening: ours.sealing.clone(),
        };
        (Session::new(&ours, now).unwrap(), Session::new(&theirs, now).unwrap(), now)
    }
}
