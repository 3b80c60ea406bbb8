//! What is held back for a session, and when that ends.

use std::sync::Arc;

use super::Actor;
use crate::session::Input;

impl Actor {
    /// Before the session begins to end, so that whoever finds it ending knows.
    pub(super) async fn set_lifts_hold(&mut self, lifts: bool) {
        self.lifts_hold = lifts;
        self.surroundings.barrier.set_ends(self.id, lifts).await;
    }

    /// Ends the hold of a session that is down because somebody wants it so. A hold that is taken
    /// for a new start meanwhile is another one, and stays.
    pub(super) fn lift_hold(&self) {
        if !self.lifts_hold || self.machine.status().is_active() {
            return;
        }
        let Some(hold) = self.surroundings.barrier.hold_of(self.id) else { return };
        let (surroundings, inbox, id) =
            (Arc::clone(&self.surroundings), self.inbox.clone(), self.id);
        tokio::spawn(async move {
            surroundings.barrier.release(id, hold).await;
            surroundings.events.announce_machine();
            // Nobody listens when the configuration was removed.
            let _ = inbox.send(Input::BarrierChanged).await;
        });
    }
}
