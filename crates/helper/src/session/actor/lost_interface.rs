//! What follows when another program deletes the tunnel's interface.

use adit_model::session::Event;
use adit_network::healing::Healed;

use super::Actor;

impl Actor {
    pub(super) fn healed(&mut self, healed: &Healed) {
        let Some(run) = &mut self.run else { return };
        let is_news = run.healed(healed);
        if run.is_to_restore_interface(healed) {
            self.restore_interface();
        }
        if is_news {
            self.publish(self.machine.status());
        }
    }

    fn restore_interface(&mut self) {
        self.feed(Event::InterfaceLost);
        let Some(run) = self.run.as_mut().filter(|_| self.machine.lacks_interface()) else {
            return;
        };
        let restored = run.restore_interface(&self.record.configuration);
        let restored = restored.map_err(|error| error.to_disconnect_error());
        self.feed(Event::InterfaceRestored(restored));
    }

    /// The provider may notice first that its interface is gone, and cannot know why.
    pub(super) fn notice_lost_interface(&mut self) {
        if self.run.as_ref().is_some_and(|run| run.interface().is_lost()) {
            self.feed(Event::InterfaceLost);
        }
    }
}
