use std::{
    fs,
    net::IpAddr,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    thread,
};

use adit_model::DnsSettings;
use rustix::{
    mount::{MountPropagationFlags, mount_bind, mount_change},
    thread::{UnshareFlags, unshare_unsafe},
};
use tempfile::TempDir;

use super::*;
use crate::{dns, skip::skip};

// spec: DNS-21
#[tokio::test]
async fn the_file_names_the_tunnels_servers_and_comes_back_as_it_was() {
    let mut system = System::new();
    fs::write(&system.path, ORIGINAL).unwrap();
    fs::set_permissions(&system.path, fs::Permissions::from_mode(0o640)).unwrap();

    system.set(0, &full("10.0.0.1", "corp.example")).await.unwrap();
    let lines = system.lines();
    assert!(lines[0].starts_with('#'), "the header comes first");
    assert_eq!(lines[2..], ["nameserver 10.0.0.1", "search corp.example"]);
    assert_eq!(system.underlying().await, ["192.0.2.53".parse::<IpAddr>().unwrap()]);

    system.clear(0).await;
    assert_eq!(system.content(), ORIGINAL);
    assert_eq!(fs::metadata(&system.path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(system.files(), ["network.json", "resolv.conf"]);
}

// spec: DNS-21
#[tokio::test]
async fn a_symbolic_link_comes_back_as_one_and_nothing_as_nothing() {
    let mut system = System::new();
    let target = system.folder.path().join("by-dhcp.conf");
    fs::write(&target, ORIGINAL).unwrap();
    symlink("by-dhcp.conf", &system.path).unwrap();
    system.set(0, &full("10.0.0.1", "corp.example")).await.unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), ORIGINAL, "never written through the link");
    assert_eq!(system.underlying().await, ["192.0.2.53".parse::<IpAddr>().unwrap()]);
    system.clear(0).await;
    assert_eq!(fs::read_link(&system.path).unwrap(), PathBuf::from("by-dhcp.conf"));

    fs::remove_file(&system.path).unwrap();
    system.set(0, &full("10.0.0.1", "corp.example")).await.unwrap();
    assert!(system.underlying().await.is_empty());
    system.clear(0).await;
    assert!(!system.path.exists());
}

// spec: DNS-21
#[tokio::test]
async fn in_the_place_of_systemd_resolved_its_own_file_is_written_and_the_link_stays() {
    let stub = "# by systemd-resolved\nnameserver 127.0.0.53\n";
    let link = "systemd/resolve/stub-resolv.conf";
    let mut system = System::new();
    let file = system.folder.path().join(link);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, stub).unwrap();
    symlink(link, &system.path).unwrap();
    let is_linked = |system: &System| fs::read_link(&system.path).unwrap() == *link;
    // It comes back, and writes its file.
    system.set(0, &full("10.0.0.1", "corp.example")).await.unwrap();
    assert!(is_linked(&system) && system.content().contains("10.0.0.1"));
    fs::write(&file, stub).unwrap();
    system.clear(0).await;
    assert!(is_linked(&system) && system.content() == stub);
    // It does not.
    system.set(0, &full("10.0.0.1", "corp.example")).await.unwrap();
    system.crash();
    assert!(system.dns.recover(&mut system.journal).await.unwrap());
    assert!(is_linked(&system) && system.content() == stub);
    // It has gone with its file.
    fs::remove_file(&file).unwrap();
    system.set(0, &full("10.0.0.1", "corp.example")).await.unwrap();
    assert!(is_linked(&system) && system.content().contains("10.0.0.1"));
    system.clear(0).await;
    assert!(is_linked(&system) && !file.exists());
    // Its folder cannot be written, so that the link has to give way.
    fs::remove_dir_all(system.folder.path().join("systemd")).unwrap();
    system.set(0, &full("10.0.0.1", "corp.example")).await.unwrap();
    assert!(system.content().contains("10.0.0.1"));
    system.clear(0).await;
    assert!(is_linked(&system));
    assert_eq!(system.files(), ["network.json", "resolv.conf"]);
}

// spec: DNS-C3, TUN-18
#[tokio::test]
async fn either_copy_of_the_original_is_enough_after_a_crash() {
    let backup = |system: &System| system.path.with_file_name("resolv.conf.adit-backup");
    let journal = |system: &System| system.path.with_file_name("network.json");
    for lost in [backup, journal] {
        let mut system = System::new();
        fs::write(&system.path, ORIGINAL).unwrap();
        system.set(0, &full("10.0.0.1", "corp.example")).await.unwrap();
        fs::remove_file(lost(&system)).unwrap();
        system.crash();
        assert!(system.dns.recover(&mut system.journal).await.unwrap());
        assert_eq!(system.content(), ORIGINAL);
        assert!(!system.dns.recover(&mut system.journal).await.unwrap(), "only once");
    }

    let mut system = System::new();
    fs::write(&system.path, ORIGINAL).unwrap();
    system.set(0, &full("10.0.0.1", "corp.example")).await.unwrap();
    fs::remove_file(backup(&system)).unwrap();
    fs::remove_file(journal(&system)).unwrap();
    system.crash();
    let outcome = system.dns.recover(&mut system.journal).await;
    assert!(matches!(outcome, Err(NetworkError::Dns(DnsError::OriginalLost(_)))));
}

// spec: DNS-21
#[tokio::test]
async fn what_somebody_else_has_written_meanwhile_is_theirs() {
    let theirs = "nameserver 198.51.100.53\n";
    let mut system = System::new();
    fs::write(&system.path, ORIGINAL).unwrap();
    system.set(0, &full("10.0.0.1", "corp.example")).await.unwrap();
    fs::remove_file(&system.path).unwrap();
    fs::write(&system.path, theirs).unwrap();
    system.crash();
    assert!(!system.dns.recover(&mut system.journal).await.unwrap());
    assert_eq!(system.content(), theirs);

    // A session that is applied again takes it for the original.
    system.set(0, &full("10.0.0.1", "corp.example")).await.unwrap();
    fs::remove_file(&system.path).unwrap();
    fs::write(&system.path, theirs).unwrap();
    system.set(0, &full("10.0.0.1", "corp.example")).await.unwrap();
    assert!(system.content().contains("10.0.0.1"));
    system.clear(0).await;
    assert_eq!(system.content(), theirs);
}

// spec: DNS-21
#[tokio::test]
async fn what_others_overwrite_is_written_again_and_theirs_comes_back() {
    let theirs = "nameserver 198.51.100.53\n";
    let mut system = System::new();
    fs::write(&system.path, ORIGINAL).unwrap();
    let plan = full("10.0.0.1", "corp.example");
    system.set(0, &plan).await.unwrap();
    assert_eq!(system.repair(0, &plan).await, []);

    fs::write(&system.path, theirs).unwrap();
    let slot = Slot::new(0).unwrap();
    assert_eq!(system.repair(0, &plan).await, [RepairedDns { slot, resolver: Resolver::File }]);
    assert!(system.content().contains("10.0.0.1"));
    assert_eq!(system.repair(0, &plan).await, []);
    system.clear(0).await;
    assert_eq!(system.content(), theirs);
}

#[tokio::test]
async fn a_server_with_a_link_local_address_is_named_with_its_link() {
    let mut system = System::new();
    system.set(0, &full("fe80::53", "corp.example")).await.unwrap();
    assert_eq!(system.lines()[2], "nameserver fe80::53%adit0");
}

#[tokio::test]
async fn of_several_sessions_the_last_one_for_all_names_has_the_file() {
    let mut system = System::new();
    fs::write(&system.path, ORIGINAL).unwrap();
    system.set(0, &full("10.0.0.1", "one.example")).await.unwrap();
    system.set(1, &split("10.1.0.1", "two.example")).await.unwrap();
    assert!(system.content().contains("10.0.0.1"));
    system.set(2, &full("10.2.0.1", "three.example")).await.unwrap();
    assert!(system.content().contains("10.2.0.1"));

    system.crash();
    system.clear(2).await;
    assert!(system.content().contains("10.0.0.1"));
    system.clear(1).await;
    assert!(system.content().contains("10.0.0.1"));
    system.clear(0).await;
    assert_eq!(system.content(), ORIGINAL);
}

#[tokio::test]
async fn what_a_file_cannot_say_is_told() {
    let mut system = System::new();
    fs::write(&system.path, ORIGINAL).unwrap();
    let health = system.set(0, &split("10.0.0.1", "corp.example")).await.unwrap();
    assert_eq!(health[0].code, "dns.split-unavailable");
    assert!(health[0].text.contains("corp.example"));
    assert_eq!(system.content(), ORIGINAL);
}

// spec: DNS-21
#[test]
fn a_file_that_is_a_mount_point_is_overwritten_and_given_back() {
    let test = thread::spawn(|| {
        // SAFETY: no other thread shares this one's file system state, and none needs the mounts
        // that are made here.
        if let Err(error) = unsafe { unshare_unsafe(UnshareFlags::NEWNS) } {
            return skip(&format!("root is needed for a mount namespace: {error}"));
        }
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).unwrap();
        let mut system = System::new();
        let source = system.folder.path().join("of-the-container");
        fs::write(&source, ORIGINAL).unwrap();
        fs::write(&system.path, "").unwrap();
        mount_bind(&source, &system.path).unwrap();

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            system.set(0, &full("10.0.0.1", "corp.example")).await.unwrap();
            assert!(fs::read_to_string(&source).unwrap().contains("10.0.0.1"));
            assert_eq!(system.underlying().await, ["192.0.2.53".parse::<IpAddr>().unwrap()]);
            system.crash();
            assert!(system.dns.recover(&mut system.journal).await.unwrap());
            assert_eq!(fs::read_to_string(&source).unwrap(), ORIGINAL);
        });
    });
    test.join().unwrap();
}

const ORIGINAL: &str = "# of the network\nnameserver 192.0.2.53\n";

/// A system whose only resolver is the C library's.
struct System {
    dns: Dns,
    journal: Journal,
    path: PathBuf,
    folder: TempDir,
}

impl System {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        let dns = Dns::new(Bus::None, &path);
        Self { dns, journal: Journal::open(folder.path()).unwrap(), path, folder }
    }

    /// Another process takes over, which knows only what is on disk.
    fn crash(&mut self) {
        self.journal = Journal::open(self.folder.path()).unwrap();
    }

    async fn set(&mut self, slot: u8, plan: &DnsPlan) -> Result<Vec<HealthItem>, NetworkError> {
        let slot = Slot::new(slot).unwrap();
        let tunnel = Tunnel { slot, interface: format!("adit{slot}"), index: 7 };
        self.dns.set(&tunnel, Some(plan), &mut self.journal).await
    }

    async fn repair(&mut self, slot: u8, plan: &DnsPlan) -> Vec<RepairedDns> {
        let slot = Slot::new(slot).unwrap();
        let tunnel = Tunnel { slot, interface: format!("adit{slot}"), index: 7 };
        let sessions = [(&tunnel, plan)].into_iter();
        self.dns.repair(sessions, &mut self.journal).await.unwrap()
    }

    async fn clear(&mut self, slot: u8) {
        self.dns.clear(Slot::new(slot).unwrap(), &mut self.journal).await.unwrap();
    }

    async fn underlying(&self) -> Vec<IpAddr> {
        self.dns.underlying(None, &self.journal).await.servers
    }

    fn content(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    fn lines(&self) -> Vec<String> {
        self.content().lines().map(Into::into).collect()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A plan of a full tunnel with a search domain.
fn full(server: &str, search: &str) -> DnsPlan {
    dns::plan(&settings(server, search), true, Slot::new(0).unwrap())
}

/// A plan for the names of one domain.
fn split(server: &str, domain: &str) -> DnsPlan {
    dns::plan(&settings(server, domain), false, Slot::new(0).unwrap())
}

fn settings(server: &str, domain: &str) -> DnsSettings {
    DnsSettings {
        servers: vec![server.parse().unwrap()],
        search_domains: vec![domain.into()],
        match_domains: Some(vec![domain.into()]),
        ..DnsSettings::default()
    }
}
