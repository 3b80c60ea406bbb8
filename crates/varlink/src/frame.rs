use std::collections::VecDeque;

use crate::{Limits, WireError, buffer::Buffer};

/// One message, without its NUL, and the file descriptors that belong to it.
pub(crate) struct Frame<F> {
    pub(crate) bytes: Buffer,
    pub(crate) fds: Vec<F>,
}

/// Cuts what the socket delivers into frames. Knows no I/O; `F` is a file descriptor.
///
/// As long as [`Inbox::take`] is asked for every frame before the next [`Inbox::push`], it holds at
/// most one unfinished message within its limits and what one read delivered.
pub(crate) struct Inbox<F> {
    bytes: Buffer,
    /// Bytes at the front that were handed out already.
    taken: usize,
    /// No NUL between `taken` and here.
    scanned: usize,
    /// Each with the index of the byte it came with, in the order of arrival.
    fds: VecDeque<(usize, F)>,
    limits: Limits,
}

impl<F> Inbox<F> {
    pub(crate) fn new(limits: Limits) -> Self {
        Inbox { bytes: Buffer::default(), taken: 0, scanned: 0, fds: VecDeque::new(), limits }
    }

    /// Adds what one read delivered. Linux ends a read after the bytes that carry file descriptors,
    /// so they came with its last byte (`unix_stream_read_generic`).
    pub(crate) fn push(&mut self, bytes: &[u8], fds: impl IntoIterator<Item = F>) {
        self.forget_taken();
        self.bytes.append(bytes);
        let last = self.bytes.len().saturating_sub(1);
        self.fds.extend(fds.into_iter().map(|fd| (last, fd)));
    }

    /// The next whole message, or `None` while it is unfinished.
    pub(crate) fn take(&mut self) -> Result<Option<Frame<F>>, WireError> {
        let Some(length) = self.bytes[self.scanned..].iter().position(|byte| *byte == 0) else {
            self.scanned = self.bytes.len();
            self.limits.check_received(self.scanned - self.taken, self.fds.len())?;
            return Ok(None);
        };
        let end = self.scanned + length;
        let own = self.fds.iter().take_while(|(at, _)| *at <= end).count();
        self.limits.check_received(end - self.taken, own)?;

        let mut bytes = Buffer::default();
        bytes.append(&self.bytes[self.taken..end]);
        let fds = self.fds.drain(..own).map(|(_, fd)| fd).collect();
        self.taken = end + 1;
        self.scanned = self.taken;
        if self.is_empty() {
            self.forget_taken();
        }
        Ok(Some(Frame { bytes, fds }))
    }

    /// Whether no message has begun.
    pub(crate) fn is_empty(&self) -> bool {
        self.taken == self.bytes.len()
    }

    fn forget_taken(&mut self) {
        self.bytes.discard(self.taken);
        for (at, _) in &mut self.fds {
            *at -= self.taken;
        }
        self.scanned -= self.taken;
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::*;

    const LIMITS: Limits = Limits {
        message: 64,
        sent: 64,
        fds: 3,
        write: std::time::Duration::from_secs(1),
        read: std::time::Duration::from_secs(1),
    };

    proptest! {
        #[test]
        fn frames_do_not_depend_on_how_bytes_arrive(
            messages in vec((vec(1..=255_u8, 0..=LIMITS.message), 0..=LIMITS.fds), 0..12),
            cuts in vec(any::<Index>(), 0..24),
        ) {
            let sent = number_fds(messages);
            let (bytes, mut cuts, fds) = lay_out(&sent, &cuts);
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            cuts.dedup();

            let mut inbox = Inbox::new(LIMITS);
            let mut received = Vec::new();
            for ends in cuts.windows(2) {
                let with = fds.iter().filter(|(at, _)| (ends[0]..ends[1]).contains(at));
                inbox.push(&bytes[ends[0]..ends[1]], with.map(|(_, fd)| *fd));
                while let Some(frame) = inbox.take().unwrap() {
                    received.push((frame.bytes.to_vec(), frame.fds));
                }
            }
            prop_assert!(inbox.is_empty());
            prop_assert_eq!(received, sent);
        }

        #[test]
        fn any_bytes_stay_within_the_limits(
            reads in vec((vec(byte(), 1..48), 0..=LIMITS.fds), 0..40),
        ) {
            let mut inbox = Inbox::new(LIMITS);
            for (bytes, fds) in reads {
                inbox.push(&bytes, 0..fds);
                let result = loop {
                    match inbox.take() {
                        Ok(Some(frame)) => {
                            prop_assert!(!frame.bytes.contains(&0));
                            prop_assert!(frame.bytes.len() <= LIMITS.message);
                            prop_assert!(frame.fds.len() <= LIMITS.fds);
                        }
                        Ok(None) => break Ok(()),
                        Err(error) => break Err(error),
                    }
                };
                if result.is_err() {
                    break;
                }
                prop_assert!(inbox.bytes.len() - inbox.taken <= LIMITS.message);
                prop_assert!(inbox.fds.len() <= LIMITS.fds);
            }
        }
    }

    #[test]
    fn limits_hold_for_finished_and_unfinished_messages() {
        let long = [b'x'; 65];
        let mut unfinished = Inbox::<u8>::new(LIMITS);
        unfinished.push(&long, []);
        assert!(matches!(unfinished.take(), Err(WireError::MessageTooLong { limit: 64 })));

        let mut finished = Inbox::<u8>::new(LIMITS);
        finished.push(&[&long[..], &[0]].concat(), []);
        assert!(matches!(finished.take(), Err(WireError::MessageTooLong { limit: 64 })));

        let mut flood = Inbox::new(LIMITS);
        flood.push(b"x", [1, 2]);
        assert!(flood.take().unwrap().is_none());
        flood.push(b"x", [3, 4]);
        assert!(matches!(flood.take(), Err(WireError::TooManyFds { limit: 3 })));
    }

    /// Any, but NUL often enough.
    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![Just(0), any::<u8>()]
    }

    type Sent = Vec<(Vec<u8>, Vec<usize>)>;

    fn number_fds(messages: Vec<(Vec<u8>, usize)>) -> Sent {
        let mut next = 0..;
        messages
            .into_iter()
            .map(|(bytes, fds)| (bytes, next.by_ref().take(fds).collect()))
            .collect()
    }

    /// The bytes of all messages, where reads end, and each fd with the byte it comes with: the
    /// last byte of a read that began within its message, as on Linux.
    fn lay_out(sent: &Sent, cuts: &[Index]) -> (Vec<u8>, Vec<usize>, Vec<(usize, usize)>) {
        let (mut bytes, mut ends, mut fds) = (Vec::new(), Vec::new(), Vec::new());
        for (index, (message, own)) in sent.iter().enumerate() {
            let start = bytes.len();
            bytes.extend_from_slice(message);
            bytes.push(0);
            let length = bytes.len() - start;
            let cut = cuts.get(index).map_or(length, |cut| cut.index(length) + 1);
            if !own.is_empty() {
                ends.push(start + cut);
                fds.extend(own.iter().map(|fd| (start + cut - 1, *fd)));
            }
        }
        let free = cuts.iter().filter(|_| !bytes.is_empty()).map(|cut| cut.index(bytes.len()));
        ends.extend(free.collect::<Vec<_>>());
        (bytes, ends, fds)
    }
}
