//! The lab proves itself: what scenarios conclude from it has to be true.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod tunnel;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, UdpSocket};
use std::os::unix::fs::MetadataExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::{
    Lab, Machine, Packet, ProbeSet, Probing, QueryType, Signal, WireGuardServer, address,
};

#[test]
fn direct_requests_show_the_client_and_the_sniffer_sees_them() {
    let Some(lab) = Lab::new() else { return };
    let sniffer = lab.sniff_client();
    for host in [address::SITE, address::LAN, address::SERVER2] {
        let seen = host.both().map(|address| lab.client.whoami(address).unwrap());
        assert_eq!(seen, address::CLIENT.both());
    }
    let anywhere: IpAddr = [9, 9, 9, 9].into();
    assert_eq!(lab.client.whoami(anywhere).unwrap(), address::CLIENT.v4);
    assert_eq!(lab.client.http_get("http://site.test/bytes/300000").unwrap().len(), 300_000);

    let packets = sniffer.stop();
    for destination in [address::SITE.both(), address::LAN.both(), address::SERVER2.both()].concat()
    {
        let to_destination = |packet: &Packet| packet.destination == Some(destination);
        packets
            .incoming()
            .assert_some("a request", |packet| to_destination(packet) && packet.is_to_port(80));
    }
    packets.assert_only("traffic of the client and the router", |packet| {
        packet.is_housekeeping()
            || address::CLIENT.both().map(Some).contains(&packet.source)
            || address::CLIENT.both().map(Some).contains(&packet.destination)
    });
}

#[test]
fn every_probe_is_seen_when_nothing_stops_it_and_none_when_something_does() {
    let Some(lab) = Lab::new() else { return };
    let sniffer = lab.sniff_client();
    let free = [ProbeSet::send(&lab.client), ProbeSet::send_by(&lab.client, "eth0")];
    let seen = sniffer.stop().incoming();
    for probes in &free {
        probes.assert_all_seen(&seen);
    }

    lab.client.sh("nft add table inet wall
         nft 'add chain inet wall out { type filter hook output priority 0; policy drop; }'");
    let sniffer = lab.sniff_client();
    let probing = Probing::start(&lab.client, Duration::from_millis(1));
    let bound = ProbeSet::send_by(&lab.client, "eth0");
    let seen = sniffer.stop().incoming();
    probing.stop().assert_none_seen(&seen);
    bound.assert_none_seen(&seen);
}

#[test]
fn names_resolve_and_the_server_tells_who_asked() {
    let Some(lab) = Lab::new() else { return };
    assert_eq!(BTreeSet::from_iter(lab.client.resolve("site.test")), address::SITE.both().into());
    assert!(lab.client.resolve("inside.corp.test").is_empty());
    let asked: Vec<_> =
        lab.dns.queries().into_iter().map(|query| (query.name, query.from)).collect();
    assert!(asked.contains(&("site.test".to_owned(), address::CLIENT.v4.into())));

    let moved: IpAddr = [198, 51, 100, 77].into();
    lab.dns.forget();
    lab.dns.set("vpn.test", &[moved]);
    for server in address::DNS.both() {
        assert_eq!(lab.client.ask_dns(server, "vpn.test", QueryType::A).unwrap(), [moved]);
        assert_eq!(
            lab.client.ask_dns(server, "vpn.test", QueryType::Aaaa).unwrap(),
            [] as [IpAddr; 0]
        );
    }
    assert_eq!(lab.dns.queries().len(), 4);
}

#[test]
fn two_labs_do_not_meet() {
    let (Some(one), Some(two)) = (Lab::new(), Lab::new()) else { return };
    let sniffer = two.sniff_client();
    let ask = |lab: &Lab| lab.client.whoami(address::SITE.v4).unwrap();
    let seen = thread::scope(|scope| {
        let other = scope.spawn(|| ask(&one));
        (ask(&one), other.join().unwrap())
    });
    assert_eq!(seen, (address::CLIENT.v4.into(), address::CLIENT.v4.into()));
    sniffer.stop().assert_none("request", |packet| packet.is_to_port(80));

    one.client.write_file("/run/mine", "one");
    assert!(!two.client.has_file("/run/mine"));
    drop(one);
    assert_eq!(ask(&two), address::CLIENT.v4);
}

#[test]
fn a_machine_has_its_own_etc_and_run() {
    let Some(lab) = Lab::new() else { return };
    let before = fs::read("/etc/resolv.conf").ok();
    lab.client.sh(
        "echo 'nameserver 203.0.113.1' > /etc/.resolv.new; mv /etc/.resolv.new /etc/resolv.conf",
    );
    lab.client.write_file("/etc/adit/file", "text");
    lab.client.write_file("/run/file", "text");
    assert_eq!(lab.client.read_file("/etc/resolv.conf"), "nameserver 203.0.113.1\n");
    assert_eq!(lab.client.sh("cat /etc/adit/file /run/file"), "texttext");

    assert_eq!(fs::read("/etc/resolv.conf").ok(), before);
    assert!(!PathBuf::from("/etc/adit/file").exists());
    for path in ["/etc/adit/file", "/run/file"] {
        assert!(!lab.router.has_file(path));
    }
    assert_ne!(lab.router.read_file("/etc/resolv.conf"), lab.client.read_file("/etc/resolv.conf"));
}

#[test]
fn the_second_uplink_takes_over_when_the_first_loses_its_cable() {
    let Some(lab) = Lab::new() else { return };
    let uplink = lab.add_uplink();
    let seen = || lab.client.whoami(address::SITE.v4).unwrap();
    assert_eq!(seen(), address::CLIENT.v4);
    lab.unplug();
    // The kernel keeps using the route until somebody, on a desktop the network manager, reacts to the lost carrier.
    lab.client.sh("ip link set eth0 down");
    assert_eq!(seen(), uplink.host.v4);
    lab.plug();
    lab.client.sh("ip link set eth0 up; ip route add default via 10.20.0.1 dev eth0 metric 100");
    assert_eq!(seen(), address::CLIENT.v4);
}

#[test]
fn capture_assertions_fail_when_they_should() {
    let Some(lab) = Lab::new() else { return };
    let sniffer = lab.sniff_client();
    lab.client.enter(|| {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.send_to(b"a leak", (address::SITE.v4, 443)).unwrap();
    });
    let packets = sniffer.packets();
    let leak = |packet: &Packet| packet.contains("a leak");
    packets.assert_some("the leak", leak);
    assert_eq!(packets.incoming().filter(leak).len(), 1);
    assert_eq!(packets.filter(|packet| leak(packet) && packet.is_to_port(443)).len(), 1);

    let fails = |assertion: &dyn Fn()| catch_unwind(AssertUnwindSafe(assertion)).is_err();
    assert!(fails(&|| packets.assert_none("leak", leak)));
    assert!(fails(&|| packets.assert_only("housekeeping", Packet::is_housekeeping)));
    assert!(fails(&|| packets.assert_some("TCP", |packet| packet.is_to_port(80))));
}

#[test]
fn a_capture_of_a_full_speed_transfer_is_complete_or_fails() {
    let Some(lab) = Lab::new() else { return };
    let sniffer = lab.sniff_client();
    let length = 200_000_000;
    let url = format!("http://{}/bytes/{length}", address::SITE.v4);
    assert_eq!(lab.client.http_get_within(Duration::from_secs(30), &url).unwrap().len(), length);
    match catch_unwind(AssertUnwindSafe(|| sniffer.stop())) {
        Ok(packets) => {
            let captured: usize = packets.iter().map(|packet| packet.length).sum();
            assert!(captured > length);
        }
        // In a user namespace the system's limit for socket buffers applies.
        Err(panic) => assert!(panic.downcast_ref::<String>().unwrap().contains("lost packets")),
    }
}

#[test]
fn failures_of_a_machine_tell_the_cause() {
    let Some(lab) = Lab::new() else { return };
    let message = |work: &dyn Fn()| {
        let panic = catch_unwind(AssertUnwindSafe(work)).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    let failed = message(&|| _ = lab.client.sh("echo because >&2; exit 3"));
    assert!(failed.contains("because") && failed.contains("exit status: 3"), "{failed}");
    let late = message(&|| _ = lab.client.run_within(Duration::from_millis(50), ["sleep", "1000"]));
    assert!(late.contains("sleep 1000"), "{late}");
    assert_eq!(lab.client.sh("pgrep -fx 'sleep 1000' || true"), "");
}

#[test]
fn a_process_is_signalled_and_never_outlives_its_handle() {
    let Some(lab) = Lab::new() else { return };
    let process = lab.client.spawn([
        "sh",
        "-c",
        "trap 'echo stopped; exit 7' TERM; echo up; while :; do sleep 0.01; done",
    ]);
    process.wait_for_log("up");
    process.signal(Signal::TERM);
    assert_eq!(process.wait(Duration::from_secs(5)).unwrap().code(), Some(7));
    process.wait_for_log("stopped");

    let process = lab.client.spawn(["sleep", "1000"]);
    let pid = process.pid();
    assert!(is_alive(pid));
    drop(process);
    assert!(!is_alive(pid));
}

#[test]
fn nothing_is_left_of_a_dropped_lab() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let daemon = lab.client.sh("setsid sleep 1000 >/dev/null 2>&1 & echo $!");
    assert!(lab.client.has_file(format!("/proc/{}", daemon.trim())));
    let networks = networks(pids(&lab));
    assert!(!inhabitants(&networks).is_empty());
    drop(lab);
    assert_eq!(inhabitants(&networks), [] as [u32; 0]);
    drop(vpn);
}

#[test]
fn nothing_is_left_when_the_test_is_killed() {
    if Lab::new().is_none() {
        return;
    }
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_lab_that_waits_to_be_killed", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let networks = networks(announced(&mut test));
    assert_eq!(networks.len(), 6);
    assert!(!inhabitants(&networks).is_empty());
    test.kill().unwrap();
    test.wait().unwrap();
    eventually("every process of the lab is gone", || inhabitants(&networks).is_empty());
}

#[test]
#[ignore = "is run and killed by nothing_is_left_when_the_test_is_killed"]
fn a_lab_that_waits_to_be_killed() {
    let Some(lab) = Lab::new() else { return };
    let _vpn = WireGuardServer::start(&lab.server);
    lab.client.sh("setsid sleep 1000 >/dev/null 2>&1 &");
    println!("\nmachines {}", pids(&lab).map(|pid| pid.to_string()).join(" "));
    thread::sleep(Duration::from_secs(60));
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(15);
    while !holds() {
        assert!(Instant::now() < end, "it never happens that {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn is_alive(pid: u32) -> bool {
    PathBuf::from(format!("/proc/{pid}")).exists()
}

/// The processes that hold a lab's machines.
fn pids(lab: &Lab) -> [u32; 6] {
    [&lab.client, &lab.router, &lab.lan, &lab.internet, &lab.server, &lab.server2].map(Machine::pid)
}

/// Their network namespaces. Held open, as the kernel would give the number of a dead one to the next lab.
fn networks(pids: impl IntoIterator<Item = u32>) -> Vec<File> {
    pids.into_iter().map(|pid| File::open(format!("/proc/{pid}/ns/net")).unwrap()).collect()
}

/// The processes that live in these namespaces.
fn inhabitants(networks: &[File]) -> Vec<u32> {
    let numbers: Vec<_> = networks.iter().map(|file| file.metadata().unwrap().ino()).collect();
    let entries = fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let network = |pid: &u32| Some(fs::metadata(format!("/proc/{pid}/ns/net")).ok()?.ino());
    pids.filter(|pid| network(pid).is_some_and(|number| numbers.contains(&number))).collect()
}

/// What `a_lab_that_waits_to_be_killed` prints.
fn announced(test: &mut Child) -> Vec<u32> {
    let output = BufReader::new(test.stdout.take().unwrap());
    let line = output.lines().map_while(Result::ok).find(|line| line.starts_with("machines "));
    line.unwrap().split_whitespace().skip(1).map(|pid| pid.parse().unwrap()).collect()
}
