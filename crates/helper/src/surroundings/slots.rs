//! Numbers for running sessions: each has its own routing tables and its own user.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adit_model::ROOT;
use adit_network::Slot;

/// The slots that are taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slots {
    taken: Arc<Mutex<Vec<Taken>>>,
}

/// A slot, until this is dropped.
#[derive(Debug)]
pub(crate) struct SlotGuard {
    slot: Slot,
    slots: Slots,
}

#[derive(Debug)]
struct Taken {
    slot: Slot,
    owner: u32,
}

/// So that one user cannot take all of them.
const MOST_OF_ONE_USER: usize = 8;

impl Slots {
    /// The lowest free slot, unless there is none or `owner` has many already.
    pub(crate) fn take(&self, owner: u32) -> Option<SlotGuard> {
        let mut taken = self.taken();
        let own = taken.iter().filter(|other| other.owner == owner).count();
        if owner != ROOT && own >= MOST_OF_ONE_USER {
            return None;
        }
        let slot = Slot::all().find(|slot| taken.iter().all(|other| other.slot != *slot))?;
        taken.push(Taken { slot, owner });
        Some(SlotGuard { slot, slots: self.clone() })
    }

    /// This slot, unless it is taken: for a session that has it already.
    pub(crate) fn reserve(&self, slot: Slot, owner: u32) -> Option<SlotGuard> {
        let mut taken = self.taken();
        if taken.iter().any(|other| other.slot == slot) {
            return None;
        }
        taken.push(Taken { slot, owner });
        Some(SlotGuard { slot, slots: self.clone() })
    }

    /// The list is whole after every statement, so a panic elsewhere does not spoil it.
    fn taken(&self) -> MutexGuard<'_, Vec<Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SlotGuard {
    pub(crate) fn slot(&self) -> Slot {
        self.slot
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        self.slots.taken().retain(|taken| taken.slot != self.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_cannot_take_all_slots() {
        let slots = Slots::default();
        let mut mine: Vec<_> = (0..MOST_OF_ONE_USER).map(|_| slots.take(1000).unwrap()).collect();
        assert!(slots.take(1000).is_none());
        let theirs = slots.take(1001).unwrap();
        assert!(mine.iter().all(|guard| guard.slot() != theirs.slot()));
        let freed = mine.remove(3).slot();
        assert!(slots.reserve(theirs.slot(), 1000).is_none());
        assert_eq!(slots.take(1000).unwrap().slot(), freed);
        assert_eq!(slots.reserve(freed, 1000).unwrap().slot(), freed);
    }
}
