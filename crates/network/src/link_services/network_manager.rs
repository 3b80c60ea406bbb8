//! What NetworkManager knows of a link.

use zbus::{Connection, OwnedObjectPath};

use super::{AccessPoint, LinkReport, access_point, said};
use crate::{bus, network::Bus};

pub(super) const SERVICE: &str = "org.freedesktop.NetworkManager";

/// `NM_CONNECTIVITY_PORTAL`
const PORTAL: u32 = 2;
/// `NMMetered`: yes and no, each known or guessed.
const METERED: [u32; 2] = [1, 3];
const NOT_METERED: [u32; 2] = [2, 4];

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager",
    default_service = "org.freedesktop.NetworkManager",
    default_path = "/org/freedesktop/NetworkManager"
)]
trait Manager {
    fn get_device_by_ip_iface(&self, interface: &str) -> zbus::Result<OwnedObjectPath>;
    #[zbus(property)]
    fn startup(&self) -> zbus::Result<bool>;
}

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager.Device",
    default_service = "org.freedesktop.NetworkManager"
)]
trait Device {
    #[zbus(property)]
    fn active_connection(&self) -> zbus::Result<OwnedObjectPath>;
    #[zbus(property)]
    fn metered(&self) -> zbus::Result<u32>;
    #[zbus(property)]
    fn ip4_connectivity(&self) -> zbus::Result<u32>;
    #[zbus(property)]
    fn ip6_connectivity(&self) -> zbus::Result<u32>;
}

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager.Device.Wireless",
    default_service = "org.freedesktop.NetworkManager"
)]
trait Wireless {
    #[zbus(property)]
    fn active_access_point(&self) -> zbus::Result<OwnedObjectPath>;
}

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager.AccessPoint",
    default_service = "org.freedesktop.NetworkManager"
)]
trait AccessPoint {
    #[zbus(property)]
    fn ssid(&self) -> zbus::Result<Vec<u8>>;
    #[zbus(property)]
    fn hw_address(&self) -> zbus::Result<String>;
}

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager.Connection.Active",
    default_service = "org.freedesktop.NetworkManager"
)]
trait ActiveConnection {
    #[zbus(property)]
    fn id(&self) -> zbus::Result<String>;
}

/// Absent if it does not run, has just started, or does not know the interface. An interface that it
/// leaves alone has no connection.
pub(super) async fn report(bus: &Bus, interface: &str) -> Option<LinkReport> {
    let connection = bus::connect(bus, SERVICE).await?;
    let manager = said(ManagerProxy::new(&connection).await)?;
    if manager.startup().await.unwrap_or_default() {
        return None;
    }
    let device = said(manager.get_device_by_ip_iface(interface).await)?;
    said(of_device(&connection, device).await)
}

async fn of_device(connection: &Connection, path: OwnedObjectPath) -> zbus::Result<LinkReport> {
    let device = DeviceProxy::builder(connection).path(path.clone()).build().await?;
    let active = device.active_connection().await?;
    if is_none(&active) {
        return Ok(LinkReport::default());
    }
    let active = ActiveConnectionProxy::builder(connection).path(active).build().await?;
    // Versions before 1.16 do not look.
    let connectivity = [device.ip4_connectivity().await, device.ip6_connectivity().await];
    Ok(LinkReport {
        access_point: of_wireless(connection, path).await,
        metered: metered(device.metered().await.unwrap_or_default()),
        connection_id: Some(active.id().await?),
        captive_portal: connectivity.iter().flatten().any(|found| *found == PORTAL),
    })
}

/// Absent for a link without a radio.
async fn of_wireless(connection: &Connection, device: OwnedObjectPath) -> Option<AccessPoint> {
    let wireless = WirelessProxy::builder(connection).path(device).build().await.ok()?;
    let path = wireless.active_access_point().await.ok().filter(|path| !is_none(path))?;
    let found = AccessPointProxy::builder(connection).path(path).build().await.ok()?;
    let bssid = found.hw_address().await.ok().and_then(|address| address.parse().ok());
    access_point(found.ssid().await.ok()?, bssid)
}

/// In D-Bus an object that does not exist.
fn is_none(path: &OwnedObjectPath) -> bool {
    path.as_str() == "/"
}

fn metered(value: u32) -> Option<bool> {
    if METERED.contains(&value) {
        return Some(true);
    }
    NOT_METERED.contains(&value).then_some(false)
}
