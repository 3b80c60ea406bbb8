//! What others hear of a session.

use adit_api::{Event as ApiEvent, SessionDetails, SessionEnd, StatusChange};
use adit_model::{HealthItem, PathStatus, SessionTraffic, VpnStatus};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::Actor;
use crate::session::{health, secrets};

impl Actor {
    pub(super) fn status_changed(&mut self, status: VpnStatus) {
        let name = self.record.configuration.name.clone();
        self.silent_since = (status == VpnStatus::Reasserting)
            .then(|| self.silent_since.unwrap_or_else(Timestamp::now));
        match status {
            VpnStatus::Connected => {
                tracing::info!("“{name}” is connected.");
                if let Some((account, at)) = self.account.as_mut().zip(self.machine.connected_at())
                {
                    account.connected(at);
                }
            }
            VpnStatus::Reasserting if self.machine.is_updating() => {
                tracing::info!("The tunnel provider of “{name}” makes room for another version.");
            }
            VpnStatus::Reasserting if self.machine.is_restarting() => {
                tracing::warn!("The tunnel provider of “{name}” stopped unexpectedly.");
            }
            VpnStatus::Reasserting if self.machine.lacks_interface() => {
                tracing::warn!("The interface of “{name}” was deleted by another program.");
            }
            VpnStatus::Reasserting => tracing::info!("“{name}” is reconnecting."),
            VpnStatus::Disconnected => {
                self.close_account();
                if let Some(run) = self.run.take() {
                    tracing::info!("“{name}” is disconnected.");
                    run.end(&self.record.configuration);
                }
                self.secrets.forget();
                // What comes next may have been started with others meanwhile.
                if !self.machine.is_wanted()
                    && let Some(start) = &mut self.start
                {
                    start.forget_credentials();
                }
                self.surroundings.claims.release(self.id);
                self.lift_hold();
            }
            VpnStatus::Invalid => self.surroundings.history.forget(self.id),
            VpnStatus::Connecting | VpnStatus::Disconnecting => {}
        }
        self.publish(status);
    }

    /// Before anybody hears that the session is over, so that they find it in the history.
    fn close_account(&mut self) {
        let Some(account) = self.account.take() else { return };
        let traffic = match &self.run {
            Some(run) => run.interface().traffic(),
            None => Some(SessionTraffic::default()),
        };
        let session = account.close(&self.machine, traffic, Timestamp::now());
        let event = ApiEvent::SessionEnded(Box::new(SessionEnd { session }));
        self.surroundings.events.announce(&self.record.configuration, event);
    }

    pub(super) fn details(&self, answer: oneshot::Sender<SessionDetails>) {
        match &self.run {
            Some(run) => run.details(answer),
            None => drop(answer),
        }
    }

    fn health(&self) -> Vec<HealthItem> {
        let asks = self.machine.asks_for_secrets();
        let asking = asks.then(|| secrets::waiting(&self.record.configuration));
        let Some(run) = &self.run else { return asking.into_iter().collect() };
        let behind = self.is_behind.then(|| health::behind(&self.record.configuration.name));
        let path = self.surroundings.state().path.status;
        let way = match self.silent_since {
            _ if self.machine.is_restarting() => Some(health::restarting()),
            // What others do to the tunnel is told already.
            _ if self.machine.lacks_interface() => None,
            Some(since) => Some(health::silent(since, path)),
            None => match path {
                PathStatus::Unsatisfied => Some(health::offline()),
                PathStatus::Satisfied => None,
            },
        };
        asking.into_iter().chain(run.health()).chain(way).chain(behind).collect()
    }

    /// Tells viewers if there is something else to know.
    pub(super) fn publish_health(&self) {
        if self.health() != self.publisher.borrow().health {
            self.publish(self.machine.status());
        }
    }

    pub(super) fn publish(&self, status: VpnStatus) {
        self.publisher.send_modify(|published| {
            published.status = status;
            published.sequence += 1;
            published.connected_at = self.machine.connected_at();
            published.last_error = self.machine.last_error().cloned();
            let start = self.start.as_ref().filter(|_| status.is_active());
            published.start_cause = start.map(|start| start.cause.clone());
            let interface = self.run.as_ref().and_then(|run| run.interface().name());
            published.interface = interface.map(str::to_owned);
            published.on_demand.clone_from(&self.on_demand);
            published.health = self.health();
            let barrier = &self.surroundings.barrier;
            let holds = barrier.hold_of(self.id).is_some();
            published.set_hold(&self.record.configuration.name, holds, barrier.setting().is_on());
        });
        let session = self.publisher.borrow().clone();
        let event = ApiEvent::StatusChanged(Box::new(StatusChange { session }));
        self.surroundings.events.announce(&self.record.configuration, event);
    }
}
