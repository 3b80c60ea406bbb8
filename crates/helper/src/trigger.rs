//! What makes a session wanted while nobody asks for it by hand.
//!
//! An armed configuration has its interface already, with its routes and names, and nobody behind it: it
//! is *parked*. What comes there is what a program wants, and the session that starts for it takes the
//! interface over as it is. Spec OD-3, OD-26.

mod expected;
mod forgery;
mod names;
mod parking;

use std::sync::Arc;

use adit_model::{
    ConfigurationId, InvalidSettings, SessionStatus, VpnConfiguration,
    on_demand::{EvaluateConnectionRule, Obstacle, RefusalCode},
};
use adit_network::{ApplyError, NetworkError, tun::TunError};
use adit_provider::ManifestError;
use tokio::sync::{mpsc, watch};

pub(crate) use self::parking::{ParkedTunnel, Parking};
use self::{
    expected::Expected,
    names::Deciding,
    parking::{Attendance, Parked},
};
use crate::surroundings::{InTheWay, Surroundings};

/// What to wait for.
#[derive(Debug, Clone)]
pub(crate) enum Trigger {
    /// The first packet of a program to a destination of the tunnel. Spec OD-3.
    FirstPacket,
    /// A name that cannot be looked up without the tunnel. Spec OD-6.
    Names {
        rules: Vec<EvaluateConnectionRule>,
        /// Of the configuration: its answers come from inside as soon as it is connected.
        session: watch::Receiver<SessionStatus>,
    },
    /// Nothing. What has to go through the tunnel and nowhere else is refused meanwhile, so that
    /// programs fail at once; all else goes outside. Spec OD-25, OD-26.
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
    /// Where nothing can be wanted, so that this is not taken for an end of the waiting.
    _never: Option<mpsc::Sender<Wanted>>,
}

/// Why nothing can be waited for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArmError {
    #[error("{0}.")]
    Taken(InTheWay),
    #[error("Adit is being reset, or ends")]
    Closed,
    #[error("Too many tunnels are running or waiting. Disconnect one of them first.")]
    NoSlot,
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("The tunnel's interface cannot be made: {0}.")]
    Tun(#[from] TunError),
    #[error("The tunnel's interface cannot be watched: {0}.")]
    Queue(#[from] std::io::Error),
    #[error(
        "Look-ups cannot be listened to: {0}. Does another DNS server use all addresses of this computer?"
    )]
    NameServer(std::io::Error),
    #[error("The tunnel's settings are not valid: {0}.")]
    Settings(#[from] InvalidSettings),
    #[error("The network cannot be looked at: {0}.")]
    Network(#[from] NetworkError),
    #[error("{0}")]
    Apply(#[from] ApplyError),
}

impl From<ArmError> for Obstacle {
    fn from(error: ArmError) -> Self {
        let message = error.to_string();
        let (code, reason) = match error {
            ArmError::Taken(other) => return other.into(),
            ArmError::Closed => (RefusalCode::Ending, String::new()),
            ArmError::NoSlot => (RefusalCode::NoRoom, String::new()),
            ArmError::Manifest(error) => (RefusalCode::Provider, error.to_string()),
            ArmError::Tun(error) => (RefusalCode::Interface, error.to_string()),
            ArmError::Queue(error) => (RefusalCode::Interface, error.to_string()),
            ArmError::NameServer(error) => (RefusalCode::Names, error.to_string()),
            ArmError::Settings(error) => (RefusalCode::Settings, error.to_string()),
            ArmError::Network(error) => (RefusalCode::Network, error.to_string()),
            ArmError::Apply(error) => (RefusalCode::Network, error.to_string()),
        };
        Self::Refused { message, code, reason }
    }
}

/// Waits for what makes a configuration's session wanted. In the place of whatever was waited for
/// before, which ends when this is in force, so that nothing is open in between.
pub(crate) async fn arm(
    surroundings: &Arc<Surroundings>,
    configuration: &VpnConfiguration,
    trigger: Trigger,
) -> Result<Armed, ArmError> {
    if let Some(other) = surroundings.claims.in_the_way(configuration) {
        return Err(ArmError::Taken(other));
    }
    let last = surroundings.parking.last_settings(configuration.id);
    let Expected { settings, has_addresses } = expected::settings(configuration, last);
    let (sender, wanted) = mpsc::channel(1);
    let for_packets = |attendance| {
        let (settings, sender) = (settings.clone(), sender.clone());
        Parked::for_packets(surroundings, configuration, settings, attendance, sender)
    };
    let parked = match trigger {
        Trigger::FirstPacket if has_addresses => Some(for_packets(Attendance::Keep).await?),
        Trigger::FirstPacket => Some(for_packets(Attendance::NoticeAndRefuse).await?),
        Trigger::Names { rules, session } if !names::domains(&rules).is_empty() => {
            let (id, surroundings) = (configuration.id, Arc::clone(surroundings));
            let wanted = sender.clone();
            let deciding = Deciding { id, rules, session, surroundings, wanted };
            Some(
                Parked::for_names(
                    &deciding.surroundings.clone(),
                    configuration,
                    &settings,
                    deciding,
                )
                .await?,
            )
        }
        Trigger::Nothing if is_enforced(configuration) => {
            Some(for_packets(Attendance::Refuse).await?)
        }
        Trigger::Names { .. } | Trigger::Nothing => None,
    };
    let never = parked.is_none().then_some(sender);
    let number = surroundings.parking.replace(configuration.id, parked).await?;
    tracing::debug!(id = %configuration.id, "armed");
    let (id, surroundings) = (configuration.id, Arc::clone(surroundings));
    Ok(Armed { id, number, surroundings, wanted, _never: never })
}

/// Whether what is the tunnel's goes nowhere else.
fn is_enforced(configuration: &VpnConfiguration) -> bool {
    configuration.protocol.enforce_routes || configuration.protocol.include_all_networks
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
