//! Against a double of systemd-resolved on a bus of the test's own.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use adit_model::{DnsProtocol, DnsSettings};
use tempfile::TempDir;

use super::*;
use crate::{
    Slot, Tunnel,
    dns::{self, Dns},
    journal::Journal,
    private_bus::PrivateBus,
};

// spec: DNS-1, DNS-7, DNS-8, DNS-15, DNS-21, DNS-22, DNS-24
#[tokio::test]
async fn a_link_is_reverted_once_set_whole_and_forgotten_in_the_end() {
    let Some(bus) = PrivateBus::start() else { return };
    let (_service, calls) = Double::start(&bus, 0).await;
    let mut system = System::new(&bus);

    let settings = DnsSettings {
        servers: vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
        match_domains: Some(vec!["corp.example".into(), "10.in-addr.arpa".into()]),
        ..DnsSettings::default()
    };
    system.set(&dns::plan(&settings, false, slot())).await;
    assert_eq!(
        calls.take(),
        [
            "RevertLink 7",
            "SetLinkDNSOverTLS 7 no",
            "SetLinkDNSEx 7 10.0.0.1:0# fd00::1:0#",
            "SetLinkDomains 7 corp.example ~10.in-addr.arpa",
            "SetLinkDefaultRoute 7 false",
            "SetLinkLLMNR 7 no",
            "SetLinkMulticastDNS 7 no",
            "FlushCaches",
        ]
    );

    let all = DnsSettings {
        servers: vec!["10.0.0.1".parse().unwrap()],
        protocol: DnsProtocol::Tls { server_name: "dns.example".into() },
        match_domains: Some(vec![String::new()]),
        ..DnsSettings::default()
    };
    assert_eq!(system.set(&dns::plan(&all, false, slot())).await, [""; 0]);
    assert_eq!(
        calls.take(),
        [
            "SetLinkDNSOverTLS 7 no",
            "SetLinkDNSEx 7 127.173.64.1:0#",
            "SetLinkDomains 7 ~.",
            "SetLinkDefaultRoute 7 true",
            "SetLinkLLMNR 7 no",
            "SetLinkMulticastDNS 7 no",
            "FlushCaches",
        ]
    );

    let underlying = ["192.0.2.53", "198.51.100.53", "lan.example", "example"];
    assert_eq!(system.underlying(2).await, underlying);

    // The process that clears it may be another one.
    system.crash();
    system.clear().await;
    assert_eq!(calls.take(), ["RevertLink 7", "FlushCaches"]);
    system.clear().await;
    assert_eq!(calls.take(), ["FlushCaches"]);
}

// spec: DNS-21
#[tokio::test]
async fn a_link_it_does_not_know_yet_is_waited_for_and_one_that_is_gone_is_not() {
    let Some(bus) = PrivateBus::start() else { return };
    let (_service, calls) = Double::start(&bus, 2).await;
    let mut system = System::new(&bus);
    let settings =
        DnsSettings { servers: vec!["10.0.0.1".parse().unwrap()], ..DnsSettings::default() };
    system.set(&dns::plan(&settings, true, slot())).await;
    assert_eq!(
        calls.take()[..4],
        ["RevertLink 7", "RevertLink 7", "RevertLink 7", "SetLinkDNSOverTLS 7 no"]
    );

    calls.forget_links(1);
    system.clear().await;
    assert_eq!(calls.take(), ["RevertLink 7", "FlushCaches"]);
}

#[tokio::test]
async fn who_reads_a_file_of_somebody_else_is_warned_of() {
    let Some(bus) = PrivateBus::start() else { return };
    let (_service, _calls) = Double::start(&bus, 0).await;
    let mut system = System::new(&bus);
    let settings =
        DnsSettings { servers: vec!["10.0.0.1".parse().unwrap()], ..DnsSettings::default() };
    assert_eq!(system.set(&dns::plan(&settings, true, slot())).await, [""; 0]);

    fs::write(system.folder.path().join("resolv.conf"), "nameserver 192.0.2.53\n").unwrap();
    fs::write(system.folder.path().join("nsswitch.conf"), "hosts: files resolve dns\n").unwrap();
    assert_eq!(system.set(&dns::plan(&settings, true, slot())).await, ["dns.asked-elsewhere"]);
    assert_eq!(system.set(&dns::plan(&settings, false, slot())).await, [""; 0]);
}

#[tokio::test]
async fn nobody_is_waited_for_where_there_is_no_service() {
    assert!(Resolved::connect(&Bus::Address("unix:path=/nowhere/bus".into())).await.is_none());
    assert!(Resolved::connect(&Bus::Address("nonsense".into())).await.is_none());
    let Some(bus) = PrivateBus::start() else { return };
    assert!(Resolved::connect(&bus.address()).await.is_none());
}

fn slot() -> Slot {
    Slot::new(0).unwrap()
}

/// A resolver's settings that are systemd-resolved's.
struct System {
    dns: Dns,
    journal: Journal,
    tunnel: Tunnel,
    folder: TempDir,
}

impl System {
    fn new(bus: &PrivateBus) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let resolv_conf = folder.path().join("resolv.conf");
        fs::write(&resolv_conf, "nameserver 127.0.0.53\n").unwrap();
        let tunnel = Tunnel { slot: slot(), interface: "adit0".into(), index: 7 };
        let journal = Journal::open(folder.path()).unwrap();
        Self { dns: Dns::new(bus.address(), &resolv_conf), journal, tunnel, folder }
    }

    /// Another process takes over, which knows only what is on disk.
    fn crash(&mut self) {
        self.journal = Journal::open(self.folder.path()).unwrap();
    }

    /// Returns the codes of the health items.
    async fn set(&mut self, plan: &DnsPlan) -> Vec<String> {
        let health = self.dns.set(&self.tunnel, Some(plan), &mut self.journal).await.unwrap();
        health.into_iter().map(|item| item.code).collect()
    }

    async fn clear(&mut self) {
        self.dns.clear(self.tunnel.slot, &mut self.journal).await.unwrap();
    }

    async fn underlying(&self, link: u32) -> Vec<String> {
        let UnderlyingDns { servers, search } =
            self.dns.underlying(Some(link), &self.journal).await;
        servers.iter().map(ToString::to_string).chain(search).collect()
    }
}

/// The calls that the double has received.
#[derive(Clone, Default)]
struct Calls {
    received: Arc<Mutex<Vec<String>>>,
    /// How often it says that it does not know a link.
    unknown: Arc<Mutex<u32>>,
}

impl Calls {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.received.lock().unwrap())
    }

    fn forget_links(&self, times: u32) {
        *self.unknown.lock().unwrap() = times;
    }

    fn add(&self, call: String) {
        self.received.lock().unwrap().push(call);
    }
}

#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.freedesktop.resolve1")]
enum DoubleError {
    #[zbus(error)]
    ZBus(zbus::Error),
    NoSuchLink(String),
}

struct Double(Calls);

impl Double {
    async fn start(bus: &PrivateBus, unknown: u32) -> (Connection, Calls) {
        let calls = Calls::default();
        calls.forget_links(unknown);
        let service = zbus::connection::Builder::address(bus.address.as_str())
            .name(SERVICE)
            .serve_at("/org/freedesktop/resolve1", Self(calls.clone()))
            .build()
            .await
            .unwrap();
        (service, calls)
    }
}

#[expect(clippy::needless_pass_by_value, clippy::unused_self, reason = "zbus wants it so")]
#[zbus::interface(name = "org.freedesktop.resolve1.Manager")]
impl Double {
    #[zbus(name = "SetLinkDNSEx")]
    fn set_link_dns_ex(&self, link: i32, servers: Vec<ServerEx>) {
        let words = servers.iter().map(|(family, octets, port, name)| {
            let address = address(octets).unwrap();
            assert_eq!(*family, super::family(&address));
            format!(" {address}:{port}#{name}")
        });
        self.0.add(format!("SetLinkDNSEx {link}{}", words.collect::<String>()));
    }

    fn set_link_domains(&self, link: i32, domains: Vec<(String, bool)>) {
        let words = domains
            .iter()
            .map(|(name, routing_only)| format!(" {}{name}", if *routing_only { "~" } else { "" }));
        self.0.add(format!("SetLinkDomains {link}{}", words.collect::<String>()));
    }

    fn set_link_default_route(&self, link: i32, enable: bool) {
        self.0.add(format!("SetLinkDefaultRoute {link} {enable}"));
    }

    #[zbus(name = "SetLinkLLMNR")]
    fn set_link_llmnr(&self, link: i32, mode: &str) {
        self.0.add(format!("SetLinkLLMNR {link} {mode}"));
    }

    #[zbus(name = "SetLinkMulticastDNS")]
    fn set_link_multicast_dns(&self, link: i32, mode: &str) {
        self.0.add(format!("SetLinkMulticastDNS {link} {mode}"));
    }

    #[zbus(name = "SetLinkDNSOverTLS")]
    fn set_link_dns_over_tls(&self, link: i32, mode: &str) {
        self.0.add(format!("SetLinkDNSOverTLS {link} {mode}"));
    }

    fn revert_link(&self, link: i32) -> Result<(), DoubleError> {
        self.0.add(format!("RevertLink {link}"));
        let mut unknown = self.0.unknown.lock().unwrap();
        if *unknown > 0 {
            *unknown -= 1;
            return Err(DoubleError::NoSuchLink("not known".into()));
        }
        Ok(())
    }

    fn flush_caches(&self) {
        self.0.add("FlushCaches".into());
    }

    /// A server of no link, one of link 2 and one of link 7.
    #[zbus(property, name = "DNS")]
    fn dns(&self) -> Vec<(i32, i32, Vec<u8>)> {
        vec![
            (0, libc::AF_INET, vec![198, 51, 100, 53]),
            (2, libc::AF_INET, vec![192, 0, 2, 53]),
            (7, libc::AF_INET, vec![10, 0, 0, 1]),
        ]
    }

    #[zbus(property)]
    fn domains(&self) -> Vec<(i32, String, bool)> {
        vec![
            (0, "example".into(), false),
            (2, "lan.example".into(), false),
            (2, "routed.example".into(), true),
            (7, "corp.example".into(), false),
        ]
    }
}
