//! A tunnel stands, whatever the computer and the path to the server are like and whatever was there before: rows of
//! docs/leaks.md too.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use adit_tests::{Adit, Home, Lab, WireGuardServer, address};

const SITE: &str = "203.0.113.10";
const ENFORCED: &[&str] = &["--enforce-routes"];
const SOCKET: &str = "/run/adit/helper.sock";

// L21
#[test]
fn with_ipv6_switched_off_a_tunnel_connects_all_the_same() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    lab.client.sh("echo 1 | tee /proc/sys/net/ipv6/conf/*/disable_ipv6 >/dev/null");
    let adit = Adit::start(&lab.client);
    adit.import_with("both", &vpn.add_peer().conf(), ENFORCED);
    adit.import_with("v4", &vpn.peer().ipv4_only().add().conf(), ENFORCED);
    for name in ["both", "v4"] {
        assert_eq!(lab.client.whoami(SITE).unwrap(), address::CLIENT.v4);
        adit.connect(name);
        assert_eq!(lab.client.whoami(SITE).unwrap(), vpn.outer_ipv4());
        lab.assert_closed_but_for(&vpn);
        adit.disconnect(name);
    }
    adit.run(["lockdown", "on"]);
    adit.connect("both");
    lab.assert_closed_but_for(&vpn);
    adit.run(["disconnect"]);
    adit.run(["lockdown", "off"]);
    adit.assert_no_residue();
}

// spec: X-8
#[test]
fn a_server_with_an_ipv4_address_is_reached_where_there_is_only_ipv6() {
    const TRANSLATED: &str = "64:ff9b::c633:640a";
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    lab.client.sh("ip -4 address flush dev eth0");
    lab.client.write_file("/etc/resolv.conf", format!("nameserver {}\n", address::DNS.v6));
    let refused = adit.refused(1, ["connect", "home", "--wait", "10"]);
    assert!(!refused.is_empty());
    adit.disconnect("home");

    // A translator that has one address behind it, which is the server's anyway.
    lab.dns.set("ipv4only.arpa", &["64:ff9b::192.0.0.170".parse().unwrap()]);
    lab.server.sh(&format!("ip -6 address add {TRANSLATED}/128 dev lo"));
    lab.router.sh(&format!("ip -6 route add 64:ff9b::/96 via {}", address::SERVER.v6));
    let sniffer = lab.sniff_client();
    adit.connect("home");
    assert_eq!(lab.client.whoami(SITE).unwrap(), vpn.outer_ipv4());
    let translated = SocketAddr::new(TRANSLATED.parse().unwrap(), vpn.endpoint().port());
    let sent = sniffer.stop().incoming();
    sent.assert_some("the tunnel", |packet| packet.is_udp_to(translated));
    adit.disconnect("home");
}

// L22
#[test]
fn a_strict_filter_of_reverse_paths_is_loosened_only_while_connected() {
    let Some(Home { lab, vpn, adit }) = Home::imported() else { return };
    lab.client.sh("echo 1 | tee /proc/sys/net/ipv4/conf/*/rp_filter >/dev/null");
    let filter = || lab.client.sh("cd /proc/sys/net/ipv4/conf; cat all/rp_filter eth0/rp_filter");
    adit.connect("home");
    assert_eq!(filter(), "1\n2\n");
    assert_eq!(lab.client.whoami(SITE).unwrap(), vpn.outer_ipv4());
    adit.disconnect("home");
    assert_eq!(filter(), "1\n1\n");
    adit.assert_no_residue();
}

// L28
#[test]
fn a_transfer_completes_over_a_path_that_is_narrow_and_does_not_say_so() {
    const LENGTH: usize = 1_000_000;
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::build(&lab.server).on_adit().start();
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    lab.router.sh("nft add table inet silent
         nft 'add chain inet silent out { type filter hook output priority 0; }'
         nft add rule inet silent out icmp type destination-unreachable drop
         nft add rule inet silent out icmpv6 type packet-too-big drop
         ip rule add pref 10 iif lan lookup 10");
    let fits = |size: u16| {
        let (size, to) = ((size - 28).to_string(), address::SERVER.v4.to_string());
        let words = ["ping", "-c", "1", "-W", "0.5", "-M", "do", "-s", &size, &to];
        lab.client.try_run(words).status.success()
    };
    assert!(fits(1500));
    for mtu in [1280, 800] {
        // Between client and server, in both directions, and nowhere else.
        lab.router.sh(&format!(
            "ip route replace 198.51.100.0/24 dev server0 table 10 mtu lock {mtu}
             ip route replace 10.20.0.0/24 dev lan mtu lock {mtu}"
        ));
        assert!(fits(mtu) && !fits(mtu + 1));
        adit.connect("home");
        let url = format!("http://{SITE}/bytes/{LENGTH}");
        let down = lab.client.http_get_within(Duration::from_secs(30), &url).unwrap();
        assert_eq!(down.len(), LENGTH);
        let listener = lab.internet.enter(|| TcpListener::bind((SITE, 7100))).unwrap();
        let up = thread::scope(|scope| {
            scope.spawn(|| lab.client.enter(|| upload(LENGTH)));
            received(&listener)
        });
        assert_eq!(up, LENGTH);
        adit.disconnect("home");
    }
}

// L32
// spec: TUN-18
#[test]
fn what_another_version_has_left_is_cleaned_up_or_left_alone() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    lab.assert_open();
    lab.client.sh(
        "nft 'table inet adit { chain old { type filter hook output priority 0; policy drop; }; }'
         nft 'table netdev adit { chain old { type filter hook egress device eth0 priority 0; policy drop; }; }'
         for family in -4 -6; do
             ip $family route add unreachable default table 51820 protocol 173
             ip $family rule add pref 4000 lookup 51820 protocol 173
             ip $family rule add pref 5001 fwmark 0xad10000/0xffff0000 unreachable protocol 173
         done
         ip tuntap add adit0 mode tun; ip link set adit0 up",
    );
    lab.client.whoami(SITE).unwrap_err();
    let adit = Adit::start(&lab.client);
    lab.assert_open();
    adit.import("home", &vpn.add_peer().conf());
    adit.connect("home");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    // Whose it is cannot be known: it is neither used nor deleted.
    assert_eq!(adit.session("home")["interface"], "adit1");
    adit.disconnect("home");
    lab.client.sh("ip link del adit0; ! nft list tables | grep -w adit");
    adit.assert_no_residue();
}

// L34
// spec: X-2
#[test]
fn a_socket_that_is_stale_or_gone_is_made_anew_and_the_tunnel_goes_on() {
    let Some(Home { lab, vpn, mut adit }) = Home::imported_with(ENFORCED) else { return };
    lab.assert_open();
    adit.connect("home");
    let before = adit.session("home");
    lab.client.run(["rm", SOCKET]);
    let reason = adit.refused(3, ["status"]);
    assert!(reason.contains("systemctl start adit-helper"), "{reason}");
    lab.assert_closed_but_for(&vpn);
    // With SIGKILL, so that the socket of the first is there when the second starts.
    for _ in 0..2 {
        adit.restart_helper();
        assert_eq!(adit.session("home")["connectedAt"], before["connectedAt"]);
        lab.assert_closed_but_for(&vpn);
    }
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
}

// L35
#[test]
fn a_client_of_another_version_says_which_is_which() {
    let Some(lab) = Lab::new() else { return };
    let mut adit = Adit::start(&lab.client);
    adit.run(["status"]);
    adit.kill_helper();
    let later = lab.client.start_later_helper();
    for words in [&["status"][..], &["connect", "home"], &["watch"], &["lockdown", "on"]] {
        let reason = adit.refused(3, words.iter().copied());
        for said in ["The Adit service has version 99.0.0", "Update and restart the older"] {
            assert!(reason.contains(said), "{reason}");
        }
    }
    drop(later);
    adit.restart_helper();
    adit.run(["status"]);
}

fn upload(length: usize) {
    let mut stream = TcpStream::connect((SITE, 7100)).unwrap();
    stream.write_all(&vec![0; length]).unwrap();
}

/// How many bytes come before the connection ends, or is silent for too long.
fn received(listener: &TcpListener) -> usize {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut bytes = Vec::new();
    _ = stream.read_to_end(&mut bytes);
    bytes.len()
}
