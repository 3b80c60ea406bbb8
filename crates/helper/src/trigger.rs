//! What makes a session wanted while nobody asks for it by hand.
//!
//! An armed configuration has its interface already, with its routes and names, and nobody behind it: it
//! is *parked*. What comes there is what a program wants, and the session that starts for it takes the
//! interface over as it is. Spec OD-3, OD-26.

mod expected;
mod parking;

use std::sync::Arc;

use adit_model::{Admission, ConfigurationId, InvalidSettings, VpnConfiguration};
use adit_network::{ApplyError, NetworkError, tun::TunError};
use adit_provider::ManifestError;
use tokio::sync::mpsc;

use self::parking::{Attendance, Parked};
pub(crate) use self::parking::{ParkedTunnel, Parking};
use crate::surroundings::Surroundings;

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// The first packet of a program to a destination of the tunnel. Spec OD-3.
    FirstPacket,
    /// Nothing. What would have to go through the tunnel is refused meanwhile, so that programs fail
    /// at once and nothing goes outside.
    Nothing,
}

/// Something wants the network of a tunnel that is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// In words, without anything about who wants what.
    pub(crate) cause: String,
}

/// A configuration that waits for something to want it. Dropping this disarms it, unless its session
/// has taken the interface over.
pub(crate) struct Armed {
    id: ConfigurationId,
    number: u64,
    surroundings: Arc<Surroundings>,
    wanted: mpsc::Receiver<Wanted>,
}

/// Why nothing can be waited for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArmError {
    #[error("{name} is connected and leads to the same destinations")]
    Taken { name: String },
    #[error("Too many tunnels are running or waiting. Disconnect one of them first.")]
    NoSlot,
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("The tunnel's interface cannot be made: {0}.")]
    Tun(#[from] TunError),
    #[error("The tunnel's interface cannot be watched: {0}.")]
    Queue(#[from] std::io::Error),
    #[error("The tunnel's settings are not valid: {0}.")]
    Settings(#[from] InvalidSettings),
    #[error("The network cannot be looked at: {0}.")]
    Network(#[from] NetworkError),
    #[error("{0}")]
    Apply(#[from] ApplyError),
}

/// Waits for what makes a configuration's session wanted. In the place of whatever was waited for
/// before, which ends when this is in force, so that nothing is open in between.
pub(crate) async fn arm(
    surroundings: &Arc<Surroundings>,
    configuration: &VpnConfiguration,
    trigger: Trigger,
) -> Result<Armed, ArmError> {
    match surroundings.claims.admit(configuration) {
        Admission::Free => {}
        Admission::Conflict { name, .. } => return Err(ArmError::Taken { name }),
        Admission::Supersedes(_) => return Err(ArmError::Taken { name: "Another VPN".into() }),
    }
    let last = surroundings.parking.last_settings(configuration.id);
    let expected = expected::settings(configuration, last);
    let attendance = match trigger {
        Trigger::FirstPacket if expected.has_addresses => Attendance::Keep,
        Trigger::FirstPacket => Attendance::NoticeAndRefuse,
        Trigger::Nothing => Attendance::Refuse,
    };
    let (sender, wanted) = mpsc::channel(1);
    let parked =
        Parked::park(surroundings, configuration, expected.settings, attendance, sender).await?;
    let number = surroundings.parking.put(configuration.id, parked).await;
    tracing::debug!(id = %configuration.id, ?trigger, "armed");
    Ok(Armed { id: configuration.id, number, surroundings: Arc::clone(surroundings), wanted })
}

impl Armed {
    /// Waits until the tunnel is wanted. None when nothing is waited for any more: a session has
    /// taken the interface, another tunnel needs the destinations, or the interface is lost.
    pub(crate) async fn wanted(&mut self) -> Option<Wanted> {
        self.wanted.recv().await
    }

    /// Ends the waiting. Nothing of it is left when this returns.
    pub(crate) async fn disarm(self) {
        if let Some(parked) = self.surroundings.parking.remove(self.id, self.number) {
            parked.clear().await;
        }
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        if let Some(parked) = self.surroundings.parking.remove(self.id, self.number) {
            tokio::spawn(parked.clear());
        }
    }
}
