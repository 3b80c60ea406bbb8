//! What iwd knows of a wireless link.

use std::collections::HashMap;

use adit_model::MacAddress;
use zbus::{
    OwnedObjectPath, OwnedVariant,
    fdo::{ManagedObjects, ObjectManagerProxy},
};

use super::{AccessPoint, access_point, said};
use crate::{bus, network::Bus};

pub(super) const SERVICE: &str = "net.connman.iwd";

const DEVICE: &str = "net.connman.iwd.Device";
const STATION: &str = "net.connman.iwd.Station";
const NETWORK: &str = "net.connman.iwd.Network";
const ACCESS_POINT: &str = "net.connman.iwd.BasicServiceSet";

pub(super) async fn access_point_of(bus: &Bus, interface: &str) -> Option<AccessPoint> {
    let connection = bus::connect(bus, SERVICE).await?;
    let builder = ObjectManagerProxy::builder(&connection).destination(SERVICE).path("/");
    let manager = said(builder.build().await)?;
    find(&said(manager.get_managed_objects().await.map_err(Into::into))?, interface)
}

fn find(objects: &ManagedObjects, interface: &str) -> Option<AccessPoint> {
    let device = objects.iter().find_map(|(path, _)| {
        let name: String = property(objects, path, DEVICE, "Name")?;
        (name == interface).then_some(path)
    })?;
    let network: OwnedObjectPath = property(objects, device, STATION, "ConnectedNetwork")?;
    let ssid: String = property(objects, &network, NETWORK, "Name")?;
    access_point(ssid, bssid(objects, device))
}

/// Versions before 2.9 do not say.
fn bssid(objects: &ManagedObjects, device: &OwnedObjectPath) -> Option<MacAddress> {
    let path: OwnedObjectPath = property(objects, device, STATION, "ConnectedAccessPoint")?;
    let address: String = property(objects, &path, ACCESS_POINT, "Address")?;
    address.parse().ok()
}

fn property<T: TryFrom<OwnedVariant>>(
    objects: &ManagedObjects,
    path: &OwnedObjectPath,
    interface: &str,
    name: &str,
) -> Option<T> {
    let interfaces = objects.get(path)?;
    let (_, properties): (_, &HashMap<_, _>) =
        interfaces.iter().find(|(found, _)| found.as_str() == interface)?;
    properties.get(name)?.try_clone().ok()?.try_into().ok()
}
