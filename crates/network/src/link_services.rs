//! The services that manage links, and what they know of the network behind one: NetworkManager, iwd
//! and `wpa_supplicant`, whichever are there.

mod changes;
mod iwd;
mod network_manager;
#[cfg(test)]
mod tests;
mod wpa_supplicant;

use adit_model::{
    MacAddress,
    on_demand::{PrimaryNetwork, Ssid},
};

pub(crate) use self::changes::changes;
use crate::network::Bus;

/// What is known of the network behind a link. What is absent, nobody says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LinkReport {
    pub(crate) access_point: Option<AccessPoint>,
    /// Whether traffic costs money.
    pub(crate) metered: Option<bool>,
    /// The name that NetworkManager has the connection under.
    pub(crate) connection_id: Option<String>,
    /// Whether a person has to sign in before the internet is reached.
    pub(crate) captive_portal: bool,
}

/// Whom a wireless link is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessPoint {
    pub(crate) ssid: Ssid,
    pub(crate) bssid: Option<MacAddress>,
}

/// Asks who is there about a link. The wireless network's name is NetworkManager's to say; where that
/// does not manage the link, iwd or `wpa_supplicant` does. Nothing if none of them is there, or not yet.
pub(crate) async fn report(bus: &Bus, interface: &str) -> Option<LinkReport> {
    let report = network_manager::report(bus, interface).await;
    let mut access_point = report.as_ref().and_then(|report| report.access_point.clone());
    if access_point.is_none() {
        access_point = iwd::access_point_of(bus, interface).await;
    }
    if access_point.is_none() {
        access_point = wpa_supplicant::access_point_of(bus, interface).await;
    }
    match (report, access_point) {
        (None, None) => None,
        (report, access_point) => Some(LinkReport { access_point, ..report.unwrap_or_default() }),
    }
}

impl LinkReport {
    /// What was known of this network.
    pub(crate) fn of(network: &PrimaryNetwork) -> Self {
        let bssid = network.bssid;
        let access_point = network.ssid.clone().map(|ssid| AccessPoint { ssid, bssid });
        Self {
            access_point,
            metered: network.metered,
            connection_id: network.connection_id.clone(),
            captive_portal: network.captive_portal,
        }
    }
}

/// An empty name is that of no network: it is hidden or there is none.
fn access_point(ssid: impl Into<Vec<u8>>, bssid: Option<MacAddress>) -> Option<AccessPoint> {
    let ssid = Ssid::from_bytes(ssid);
    (!ssid.as_bytes().is_empty()).then_some(AccessPoint { ssid, bssid })
}

/// What the service says, if it is there and says anything.
fn said<T>(answer: zbus::Result<T>) -> Option<T> {
    answer.inspect_err(|error| tracing::debug!(%error, "nothing is known of the link")).ok()
}
