#![expect(clippy::unused_self, reason = "zbus wants it so")]

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::time::timeout;
use zbus::{Connection, ObjectPath, OwnedObjectPath, connection::Builder, fdo::ObjectManager};

use super::*;
use crate::private_bus::PrivateBus;

const LINK: &str = "wlan0";
const PATIENCE: Duration = Duration::from_secs(10);

// spec: OD-8
#[tokio::test]
async fn network_manager_tells_the_wireless_network_and_what_it_thinks_of_it() {
    let Some(bus) = PrivateBus::start() else { return };
    let address = bus.address();
    assert_eq!(report(&address, LINK).await, None);
    let mut changes = Box::pin(changes(&address));
    let service = double_of_network_manager(&bus).await;
    heard(&mut changes).await;

    let home = LinkReport {
        access_point: seen("Café", "00:11:22:aa:bb:cc"),
        metered: Some(true),
        connection_id: Some("home".into()),
        captive_portal: true,
    };
    assert_eq!(report(&address, LINK).await, Some(home));
    assert_eq!(report(&address, "eth0").await, None);

    let object = service.object_server();
    let active = object.interface::<_, Active>("/active/1").await.unwrap();
    let device = object.interface::<_, Device>("/device/1").await.unwrap();
    drain(&mut changes).await;
    // Strength and bit rate are nobody's business.
    let radio = object.interface::<_, Wireless>("/device/1").await.unwrap();
    radio.get_mut().await.bitrate = 54;
    radio.get().await.bitrate_changed(radio.signal_emitter()).await.unwrap();
    assert!(timeout(Duration::from_millis(300), changes.next()).await.is_err());
    active.get().await.specific_object_changed(active.signal_emitter()).await.unwrap();
    heard(&mut changes).await;
    device.get_mut().await.metered = 4;
    device.get().await.metered_changed(device.signal_emitter()).await.unwrap();
    heard(&mut changes).await;
    assert_eq!(report(&address, LINK).await.unwrap().metered, Some(false));

    drain(&mut changes).await;
    drop((object.clone(), active, device, radio));
    service.close().await.unwrap();
    heard(&mut changes).await;
    assert_eq!(report(&address, LINK).await, None);
}

// spec: OD-8
#[tokio::test]
async fn iwd_tells_it_where_network_manager_does_not() {
    let Some(bus) = PrivateBus::start() else { return };
    let address = bus.address();
    let mut changes = Box::pin(changes(&address));
    let service = double_of_iwd(&bus).await;
    heard(&mut changes).await;
    let found = report(&address, LINK).await.unwrap().access_point;
    assert_eq!(found, seen("Café", "00:11:22:aa:bb:cc"));
    assert_eq!(report(&address, "wlan1").await, None);

    drain(&mut changes).await;
    let station = service.object_server().interface::<_, Station>("/phy/1").await.unwrap();
    station.get_mut().await.network = "/none".try_into().unwrap();
    station.get().await.connected_network_changed(station.signal_emitter()).await.unwrap();
    heard(&mut changes).await;
    assert_eq!(report(&address, LINK).await, None);
}

// spec: OD-8
#[tokio::test]
async fn wpa_supplicant_tells_it_where_neither_does() {
    let Some(bus) = PrivateBus::start() else { return };
    let address = bus.address();
    let mut changes = Box::pin(changes(&address));
    let service = double_of_wpa_supplicant(&bus).await;
    heard(&mut changes).await;
    let found = report(&address, LINK).await.unwrap().access_point;
    assert_eq!(found, access_point(*b"Caf\xe9", Some(MacAddress([0, 1, 2, 3, 4, 5]))));
    assert_eq!(report(&address, "wlan1").await, None);

    drain(&mut changes).await;
    let interface =
        service.object_server().interface::<_, Interface>("/interface/1").await.unwrap();
    interface.get_mut().await.0 = "/".try_into().unwrap();
    interface.get().await.current_b_s_s_changed(interface.signal_emitter()).await.unwrap();
    heard(&mut changes).await;
    assert_eq!(report(&address, LINK).await, None);
}

fn seen(ssid: &str, bssid: &str) -> Option<AccessPoint> {
    access_point(ssid, Some(bssid.parse().unwrap()))
}

async fn heard(changes: &mut (impl Stream<Item = ()> + Unpin)) {
    timeout(PATIENCE, changes.next()).await.expect("a change is told of").unwrap();
}

/// Takes what is on its way.
async fn drain(changes: &mut (impl Stream<Item = ()> + Unpin)) {
    while timeout(Duration::from_millis(200), changes.next()).await.is_ok() {}
}

fn path(path: &'static str) -> OwnedObjectPath {
    ObjectPath::from_static_str(path).unwrap().into()
}

async fn double_of_network_manager(bus: &PrivateBus) -> Connection {
    Builder::address(bus.address.as_str())
        .name(network_manager::SERVICE)
        .serve_at("/org/freedesktop/NetworkManager", Manager)
        .serve_at("/device/1", Device { metered: 1 })
        .serve_at("/device/1", Wireless { bitrate: 11 })
        .serve_at("/active/1", Active)
        .serve_at("/ap/1", Ap)
        .build()
        .await
        .unwrap()
}

struct Manager;
struct Device {
    metered: u32,
}
struct Wireless {
    bitrate: u32,
}
struct Active;
struct Ap;

#[zbus::interface(name = "org.freedesktop.NetworkManager")]
impl Manager {
    fn get_device_by_ip_iface(&self, interface: &str) -> zbus::fdo::Result<OwnedObjectPath> {
        let unknown = || zbus::fdo::Error::Failed("No device found".into());
        (interface == LINK).then(|| path("/device/1")).ok_or_else(unknown)
    }
}

#[zbus::interface(name = "org.freedesktop.NetworkManager.Device")]
impl Device {
    #[zbus(property)]
    fn active_connection(&self) -> OwnedObjectPath {
        path("/active/1")
    }

    #[zbus(property)]
    fn metered(&self) -> u32 {
        self.metered
    }

    #[zbus(property)]
    fn ip4_connectivity(&self) -> u32 {
        2
    }
}

#[zbus::interface(name = "org.freedesktop.NetworkManager.Device.Wireless")]
impl Wireless {
    #[zbus(property)]
    fn active_access_point(&self) -> OwnedObjectPath {
        path("/ap/1")
    }

    #[zbus(property)]
    fn bitrate(&self) -> u32 {
        self.bitrate
    }
}

#[zbus::interface(name = "org.freedesktop.NetworkManager.Connection.Active")]
impl Active {
    #[zbus(property)]
    fn id(&self) -> String {
        "home".into()
    }

    #[zbus(property)]
    fn specific_object(&self) -> OwnedObjectPath {
        path("/ap/1")
    }
}

#[zbus::interface(name = "org.freedesktop.NetworkManager.AccessPoint")]
impl Ap {
    #[zbus(property)]
    fn ssid(&self) -> Vec<u8> {
        "Café".into()
    }

    #[zbus(property)]
    fn hw_address(&self) -> String {
        "00:11:22:AA:BB:CC".into()
    }
}

async fn double_of_iwd(bus: &PrivateBus) -> Connection {
    Builder::address(bus.address.as_str())
        .name(iwd::SERVICE)
        .serve_at("/", ObjectManager)
        .serve_at("/phy/1", IwdDevice)
        .serve_at("/phy/1", Station { network: path("/network/1") })
        .serve_at("/network/1", Network)
        .serve_at("/bss/1", BasicServiceSet)
        .build()
        .await
        .unwrap()
}

struct IwdDevice;
struct Station {
    network: OwnedObjectPath,
}
struct Network;
struct BasicServiceSet;

#[zbus::interface(name = "net.connman.iwd.Device")]
impl IwdDevice {
    #[zbus(property)]
    fn name(&self) -> String {
        LINK.into()
    }
}

#[zbus::interface(name = "net.connman.iwd.Station")]
impl Station {
    #[zbus(property)]
    fn connected_network(&self) -> OwnedObjectPath {
        self.network.clone()
    }

    #[zbus(property)]
    fn connected_access_point(&self) -> OwnedObjectPath {
        path("/bss/1")
    }
}

#[zbus::interface(name = "net.connman.iwd.Network")]
impl Network {
    #[zbus(property)]
    fn name(&self) -> String {
        "Café".into()
    }
}

#[zbus::interface(name = "net.connman.iwd.BasicServiceSet")]
impl BasicServiceSet {
    #[zbus(property)]
    fn address(&self) -> String {
        "00:11:22:aa:bb:cc".into()
    }
}

async fn double_of_wpa_supplicant(bus: &PrivateBus) -> Connection {
    Builder::address(bus.address.as_str())
        .name(wpa_supplicant::SERVICE)
        .serve_at("/fi/w1/wpa_supplicant1", Supplicant)
        .serve_at("/interface/1", Interface(path("/bss/1")))
        .serve_at("/bss/1", Bss)
        .build()
        .await
        .unwrap()
}

struct Supplicant;
struct Interface(OwnedObjectPath);
struct Bss;

#[zbus::interface(name = "fi.w1.wpa_supplicant1")]
impl Supplicant {
    fn get_interface(&self, interface: &str) -> zbus::fdo::Result<OwnedObjectPath> {
        let unknown = || zbus::fdo::Error::Failed("InterfaceUnknown".into());
        (interface == LINK).then(|| path("/interface/1")).ok_or_else(unknown)
    }
}

#[zbus::interface(name = "fi.w1.wpa_supplicant1.Interface")]
impl Interface {
    #[zbus(property, name = "CurrentBSS")]
    fn current_bss(&self) -> OwnedObjectPath {
        self.0.clone()
    }
}

#[zbus::interface(name = "fi.w1.wpa_supplicant1.BSS")]
impl Bss {
    #[zbus(property, name = "SSID")]
    fn ssid(&self) -> Vec<u8> {
        b"Caf\xe9".into()
    }

    #[zbus(property, name = "BSSID")]
    fn bssid(&self) -> Vec<u8> {
        vec![0, 1, 2, 3, 4, 5]
    }
}
