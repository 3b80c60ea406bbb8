//! Which messages of a session have come already (RFC 6479).

/// Bits of a word.
const WORD: u64 = 64;

/// One word more than the window is wide, because the newest may be partly filled.
const WORDS: usize = 129;

/// Remembers the counters of the latest messages, whatever their order.
#[derive(Debug)]
pub(crate) struct ReplayWindow {
    /// A ring: counter `c` is bit `c % WORD` of word `c / WORD % WORDS`.
    seen: [u64; WORDS],
    /// One more than the largest counter so far.
    end: u64,
}

impl ReplayWindow {
    /// How far behind the newest a message may be, in messages.
    pub(crate) const SIZE: u64 = (WORDS as u64 - 1) * WORD;

    pub(crate) fn new() -> Self {
        Self { seen: [0; WORDS], end: 0 }
    }

    /// Takes note of a message that is authentic. Returns whether it is new: not if it came before,
    /// or is so late that nobody knows.
    pub(crate) fn admit(&mut self, counter: u64) -> bool {
        if counter.saturating_add(Self::SIZE) < self.end {
            return false;
        }
        if counter >= self.end {
            self.advance(counter);
        }
        let word = &mut self.seen[Self::slot(counter / WORD)];
        let bit = 1 << (counter % WORD);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Forgets the words that the window moves onto.
    fn advance(&mut self, counter: u64) {
        let (newest, ahead) = (self.end.saturating_sub(1) / WORD, counter / WORD);
        for word in (newest + 1..=ahead).rev().take(self.seen.len()) {
            self.seen[Self::slot(word)] = 0;
        }
        self.end = counter.saturating_add(1);
    }

    fn slot(word: u64) -> usize {
        usize::try_from(word % WORDS as u64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_counter_is_admitted_once_while_it_is_within_reach(
            steps in proptest::collection::vec(step(), 1..400),
        ) {
            let (mut window, mut model) = (ReplayWindow::new(), Model::default());
            let mut counter = 0_u64;
            for step in steps {
                counter = counter.saturating_add_signed(step);
                prop_assert_eq!(window.admit(counter), model.admit(counter), "{}", counter);
            }
        }
    }

    #[test]
    fn the_oldest_within_reach_is_one_window_behind() {
        let mut window = ReplayWindow::new();
        assert!(window.admit(2 * ReplayWindow::SIZE));
        assert!(window.admit(ReplayWindow::SIZE + 1));
        assert!(!window.admit(ReplayWindow::SIZE));
        assert!(window.admit(u64::MAX - 1));
        assert!(!window.admit(u64::MAX - 1));
    }

    #[derive(Default)]
    struct Model {
        seen: HashSet<u64>,
        end: u64,
    }

    impl Model {
        fn admit(&mut self, counter: u64) -> bool {
            if counter + ReplayWindow::SIZE < self.end {
                return false;
            }
            self.end = self.end.max(counter + 1);
            self.seen.insert(counter)
        }
    }

    /// Mostly the next one, some swapped or repeated, a few jumps across the window.
    fn step() -> impl Strategy<Value = i64> {
        prop_oneof![6 => Just(1), 3 => -70_i64..70, 1 => -9000_i64..9000]
    }
}
