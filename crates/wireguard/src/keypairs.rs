//! The sessions with a peer that are in use at a time (whitepaper, section 6.3).

use std::{sync::Arc, time::Instant};

use crate::session::Session;

/// Three, so that whatever is under way when keys change can still be opened.
#[derive(Default)]
pub(crate) struct Keypairs {
    previous: Option<Arc<Session>>,
    current: Option<Arc<Session>>,
    /// Agreed on as responder, and the initiator has not yet used it.
    next: Option<Arc<Session>>,
}

impl Keypairs {
    /// The one that messages are sealed with.
    pub(crate) fn current(&self, now: Instant) -> Option<&Arc<Session>> {
        self.current.as_ref().filter(|session| !session.has_ended(now))
    }

    /// The one that the receiver of a message numbers so.
    pub(crate) fn numbered(&self, local: u32, now: Instant) -> Option<&Arc<Session>> {
        let mut all = [&self.current, &self.previous, &self.next].into_iter().flatten();
        all.find(|session| session.local == local && !session.has_ended(now))
    }

    /// Takes a session whose handshake we began. The other end has it already.
    pub(crate) fn initiated(&mut self, session: Session) {
        self.previous = self.next.take().or_else(|| self.current.take());
        self.current = Some(Arc::new(session));
    }

    /// Takes a session whose handshake we answered. It is used when the other end does.
    pub(crate) fn answered(&mut self, session: Session) {
        self.previous = None;
        self.next = Some(Arc::new(session));
    }

    /// The other end used a session. Returns whether it is in use since then.
    pub(crate) fn confirm(&mut self, local: u32) -> bool {
        let Some(next) = self.next.take_if(|next| next.local == local) else { return false };
        self.previous = self.current.replace(next);
        true
    }

    /// Forgets all keys.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
