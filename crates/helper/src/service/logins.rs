//! People log in and out, and change places.

use std::convert::Infallible;

use tokio::sync::watch;

use super::Service;
use crate::{
    logins::{Logins, Presence},
    session::Input,
};

impl Service {
    /// Ends the sessions of those who were there and are not any more. A session whose owner was never
    /// logged in, as one that a service has begun, goes on. Spec X-4.
    pub(crate) async fn follow_logins(
        &self,
        mut logins: watch::Receiver<Option<Logins>>,
    ) -> Infallible {
        let mut before = logins.borrow_and_update().clone();
        while logins.changed().await.is_ok() {
            let now = logins.borrow_and_update().clone();
            if let Some((before, now)) = before.zip(now.as_ref()) {
                self.logins_changed(&before, now).await;
            }
            before = now;
        }
        std::future::pending().await
    }

    async fn logins_changed(&self, before: &Logins, now: &Logins) {
        for configuration in self.all_configurations() {
            if before.presence(&configuration) != Presence::Present {
                continue;
            }
            if let Some(reason) = now.presence(&configuration).stop_reason() {
                self.tell(configuration.id, Input::Stop(reason)).await;
            }
        }
    }
}
