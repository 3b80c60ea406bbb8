//! Numbers for running sessions: each has its own routing tables and its own user.

use std::sync::{Arc, Mutex, PoisonError};

use adit_network::Slot;

/// The slots that are taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slots {
    taken: Arc<Mutex<Vec<Slot>>>,
}

/// A slot, until this is dropped.
#[derive(Debug)]
pub(crate) struct SlotGuard {
    slot: Slot,
    slots: Slots,
}

impl Slots {
    /// The lowest free slot.
    pub(crate) fn take(&self) -> Option<SlotGuard> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = Slot::all().find(|slot| !taken.contains(slot))?;
        taken.push(slot);
        Some(SlotGuard { slot, slots: self.clone() })
    }
}

impl SlotGuard {
    pub(crate) fn slot(&self) -> Slot {
        self.slot
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|slot| *slot != self.slot);
    }
}
