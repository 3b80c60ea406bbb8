//! What `wpa_supplicant` knows of a wireless link.

use adit_model::MacAddress;
use zbus::OwnedObjectPath;

use super::{AccessPoint, access_point, said};
use crate::{bus, network::Bus};

pub(super) const SERVICE: &str = "fi.w1.wpa_supplicant1";

#[zbus::proxy(
    interface = "fi.w1.wpa_supplicant1",
    default_service = "fi.w1.wpa_supplicant1",
    default_path = "/fi/w1/wpa_supplicant1"
)]
trait Supplicant {
    fn get_interface(&self, interface: &str) -> zbus::Result<OwnedObjectPath>;
}

#[zbus::proxy(
    interface = "fi.w1.wpa_supplicant1.Interface",
    default_service = "fi.w1.wpa_supplicant1"
)]
trait Interface {
    #[zbus(property, name = "CurrentBSS")]
    fn current_bss(&self) -> zbus::Result<OwnedObjectPath>;
}

#[zbus::proxy(interface = "fi.w1.wpa_supplicant1.BSS", default_service = "fi.w1.wpa_supplicant1")]
trait Bss {
    #[zbus(property, name = "SSID")]
    fn ssid(&self) -> zbus::Result<Vec<u8>>;
    #[zbus(property, name = "BSSID")]
    fn bssid(&self) -> zbus::Result<Vec<u8>>;
}

pub(super) async fn access_point_of(bus: &Bus, interface: &str) -> Option<AccessPoint> {
    let connection = bus::connect(bus, SERVICE).await?;
    let supplicant = said(SupplicantProxy::new(&connection).await)?;
    let path = supplicant.get_interface(interface).await.ok()?;
    let link = InterfaceProxy::builder(&connection).path(path).build().await.ok()?;
    let path = link.current_bss().await.ok().filter(|path| path.as_str() != "/")?;
    let bss = BssProxy::builder(&connection).path(path).build().await.ok()?;
    let bssid = bss.bssid().await.ok().and_then(|octets| octets.try_into().ok());
    access_point(bss.ssid().await.ok()?, bssid.map(MacAddress))
}
