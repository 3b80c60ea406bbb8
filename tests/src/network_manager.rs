//! NetworkManager on a machine, on a system bus that only this machine has.

use std::path::{Path, PathBuf};

use crate::address;
use crate::machine::Machine;
use crate::package::Package;
use crate::process::Process;
use crate::requirements::skip;

/// A running NetworkManager that manages `eth0` and `/etc/resolv.conf` of its machine.
#[derive(Debug)]
pub struct NetworkManager {
    machine: Machine,
    folders: Folders,
    daemon: Process,
    _bus: Process,
}

/// Where its packages are unpacked.
#[derive(Debug)]
struct Folders {
    daemon: PathBuf,
    /// What nmcli(1) needs besides.
    client: PathBuf,
}

const PACKAGE: Package =
    Package { names: &["network-manager", "libndp0"], proof: "usr/sbin/NetworkManager" };
const CLIENT: Package = Package { names: &["libnm0"], proof: "usr/share/doc/libnm0/copyright" };
/// What a package of Adit installs for it.
const PACKAGED: &str = include_str!("../../packaging/networkmanager.conf");
const SERVICE: &str = "org.freedesktop.NetworkManager";
const OBJECT: &str = "/org/freedesktop/NetworkManager";
/// What it keeps across its own restarts and the boot.
const KEPT: &str = "/etc/NetworkManager/intern.conf";

impl Machine {
    /// Starts NetworkManager with the public DNS server for `eth0`.
    ///
    /// `None` when this computer cannot run it: the reason is printed, and in CI it is a panic.
    #[must_use]
    #[track_caller]
    pub fn start_network_manager(&self) -> Option<NetworkManager> {
        let folders =
            PACKAGE.root().and_then(|daemon| Ok(Folders { daemon, client: CLIENT.root()? }));
        match folders {
            Ok(folders) => Some(NetworkManager::start(self, folders)),
            Err(reason) => {
                skip(&format!("NetworkManager: {reason}"));
                None
            }
        }
    }
}

impl NetworkManager {
    /// nmcli(1), which waits for what it asks for. Gives what it prints.
    #[track_caller]
    pub fn nmcli<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> String {
        let Folders { daemon, client } = &self.folders;
        let program = format!(
            "exec env LD_LIBRARY_PATH=\"$(echo {}/usr/lib/*-linux-gnu*)\" {}/usr/bin/nmcli \"$@\"",
            client.display(),
            daemon.display()
        );
        let words: Vec<&str> = words.into_iter().collect();
        self.machine.run([&["sh", "-euc", &program, "nmcli"], &words[..]].concat())
    }

    /// Adds a connection for `eth0` beside `lan`, in that network and with no servers unless `settings` says otherwise. It
    /// begins when it is brought up.
    #[track_caller]
    pub fn add_connection(&self, id: &str, settings: &[&str]) {
        let (host, gateway) = (address::CLIENT, address::CLIENT.gateway());
        let (own, router) = (format!("{}/24", host.v4), gateway.v4.to_string());
        let ethernet = ["connection", "add", "type", "ethernet", "ifname", "eth0", "con-name", id];
        let address = ["autoconnect", "no", "ipv4.method", "manual", "ipv4.addresses", &own];
        let route = ["ipv4.gateway", &router];
        self.nmcli([&ethernet[..], &address, &route, settings].concat());
    }

    /// Changes a connection and what of it is in force, without bringing it down.
    #[track_caller]
    pub fn change_connection(&self, id: &str, settings: &[&str]) {
        self.nmcli([&["connection", "modify", id], settings].concat());
        self.nmcli(["device", "reapply", "eth0"]);
    }

    /// SIGKILL, without a new one.
    pub fn kill(&self) {
        self.daemon.kill();
    }

    /// Ends the daemon and starts it again.
    #[track_caller]
    pub fn restart(&mut self) {
        self.daemon.kill();
        self.daemon = start_daemon(&self.machine, &self.folders.daemon);
    }

    /// What was set above the connections' servers, as busctl(1) shows it.
    #[must_use]
    #[track_caller]
    pub fn global_dns(&self) -> String {
        let words = ["busctl", "get-property", SERVICE, OBJECT, SERVICE, "GlobalDnsConfiguration"];
        self.machine.run(words).trim().to_owned()
    }

    /// What it would set by itself after a boot.
    #[must_use]
    #[track_caller]
    pub fn kept(&self) -> String {
        self.machine.read_file(KEPT)
    }

    #[track_caller]
    fn start(machine: &Machine, folders: Folders) -> Self {
        prepare(machine, &folders.daemon);
        let bus = machine.start_bus();
        let daemon = start_daemon(machine, &folders.daemon);
        Self { machine: machine.clone(), folders, daemon, _bus: bus }
    }
}

/// Policy of the bus, and the connection of `eth0`, which has no address until NetworkManager gives it one: otherwise
/// it would leave it alone.
#[track_caller]
fn prepare(machine: &Machine, root: &Path) {
    let (host, dns) = (address::CLIENT, address::DNS);
    let (gateway, root) = (host.gateway(), root.display());
    machine.write_file(
        "/etc/NetworkManager/NetworkManager.conf",
        format!("[main]\nplugins=keyfile\nauth-polkit=root-only\nno-auto-default=*\n{PACKAGED}"),
    );
    machine.write_file(
        "/etc/NetworkManager/system-connections/lan.nmconnection",
        format!(
            "[connection]\nid=lan\ntype=ethernet\ninterface-name=eth0\n\
             [ipv4]\nmethod=manual\naddress1={}/24,{}\ndns={};\n\
             [ipv6]\nmethod=manual\naddress1={}/64,{}\n",
            host.v4, gateway.v4, dns.v4, host.v6, gateway.v6
        ),
    );
    machine.sh(&format!(
        "chmod 600 /etc/NetworkManager/system-connections/lan.nmconnection
         mkdir -p /etc/dbus-1/system.d
         cp {root}/usr/share/dbus-1/system.d/org.freedesktop.NetworkManager.conf /etc/dbus-1/system.d/
         ip address flush dev eth0"
    ));
}

/// With `/sys` read-only it takes the machine for a container and does not wait for udev.
#[track_caller]
fn start_daemon(machine: &Machine, root: &Path) -> Process {
    let root = root.display();
    let daemon = machine.spawn([
        "unshare",
        "--mount",
        "sh",
        "-euc",
        &format!(
            "mount -o remount,ro,bind /sys
             exec env LD_LIBRARY_PATH=\"$(echo {root}/usr/lib/*-linux-gnu*)\" {root}/usr/sbin/NetworkManager --debug \
                 --config /etc/NetworkManager/NetworkManager.conf --config-dir /run/nm/none --system-config-dir /run/nm/none \
                 --state-file /run/nm/state --intern-config {KEPT} --pid-file /run/nm/pid"
        ),
    ]);
    let up = machine.has_service(SERVICE);
    assert!(up, "NetworkManager does not start:\n{}", daemon.log());
    daemon.wait_for_log("device (eth0): Activation: successful");
    daemon
}
