//! A double of NetworkManager on a machine's system bus: it says which wireless network `eth0` is in.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use tokio::runtime::Runtime;
use zbus::connection::Builder;
use zbus::{ObjectPath, OwnedObjectPath};

use crate::log::lock;
use crate::machine::Machine;
use crate::process::Process;

const SERVICE: &str = "org.freedesktop.NetworkManager";
const POLICY: &str = r#"<busconfig>
  <policy user="root"><allow own="org.freedesktop.NetworkManager"/></policy>
  <policy context="default"><allow send_destination="org.freedesktop.NetworkManager"/></policy>
</busconfig>"#;

/// A running double.
#[derive(Debug)]
pub struct Wireless {
    ssid: Ssid,
    connection: zbus::Connection,
    runtime: Runtime,
    _bus: Process,
}

type Ssid = Arc<Mutex<String>>;

impl Machine {
    /// Starts a system bus with the double.
    #[must_use]
    #[track_caller]
    pub fn start_wireless(&self, ssid: &str) -> Wireless {
        self.write_file("/etc/dbus-1/system.d/wireless.conf", POLICY);
        let bus = self.start_bus();
        let socket = self.enter(|| UnixStream::connect("/run/dbus/system_bus_socket"));
        let runtime = Runtime::new().expect("a runtime");
        let ssid = Ssid::new(Mutex::new(ssid.to_owned()));
        let connection = runtime.block_on(async {
            Builder::unix_stream(socket.expect("a bus"))
                .name(SERVICE)
                .serve_at("/org/freedesktop/NetworkManager", Manager)
                .serve_at("/device/1", Device)
                .serve_at("/device/1", Radio)
                .serve_at("/active/1", Active)
                .serve_at("/ap/1", AccessPoint(Arc::clone(&ssid)))
                .build()
                .await
        });
        Wireless { ssid, connection: connection.expect("a service"), runtime, _bus: bus }
    }
}

impl Wireless {
    /// Moves to another wireless network; nothing else of the network changes.
    #[track_caller]
    pub fn join(&self, ssid: &str) {
        ssid.clone_into(&mut lock(&self.ssid));
        let told = self.runtime.block_on(async {
            let active = self.connection.object_server().interface::<_, Active>("/active/1");
            let active = active.await?;
            active.get().await.specific_object_changed(active.signal_emitter()).await
        });
        told.expect("a signal on the bus");
    }
}

struct Manager;
struct Device;
struct Radio;
struct Active;
struct AccessPoint(Ssid);

#[zbus::interface(name = "org.freedesktop.NetworkManager")]
#[expect(clippy::unused_self, reason = "zbus wants it so")]
impl Manager {
    fn get_device_by_ip_iface(&self, interface: &str) -> zbus::fdo::Result<OwnedObjectPath> {
        let unknown = || zbus::fdo::Error::Failed("No device found".into());
        (interface == "eth0").then(|| path("/device/1")).ok_or_else(unknown)
    }
}

#[zbus::interface(name = "org.freedesktop.NetworkManager.Device")]
#[expect(clippy::unused_self, reason = "zbus wants it so")]
impl Device {
    #[zbus(property)]
    fn active_connection(&self) -> OwnedObjectPath {
        path("/active/1")
    }
}

#[zbus::interface(name = "org.freedesktop.NetworkManager.Device.Wireless")]
#[expect(clippy::unused_self, reason = "zbus wants it so")]
impl Radio {
    #[zbus(property)]
    fn active_access_point(&self) -> OwnedObjectPath {
        path("/ap/1")
    }
}

#[zbus::interface(name = "org.freedesktop.NetworkManager.Connection.Active")]
#[expect(clippy::unused_self, reason = "zbus wants it so")]
impl Active {
    #[zbus(property)]
    fn id(&self) -> String {
        "wireless".into()
    }

    #[zbus(property)]
    fn specific_object(&self) -> OwnedObjectPath {
        path("/ap/1")
    }
}

#[zbus::interface(name = "org.freedesktop.NetworkManager.AccessPoint")]
impl AccessPoint {
    #[zbus(property)]
    fn ssid(&self) -> Vec<u8> {
        lock(&self.0).clone().into_bytes()
    }
}

fn path(path: &'static str) -> OwnedObjectPath {
    ObjectPath::from_static_str(path).expect("a path").into()
}
