//! Packets arrive once, whole and in order, whatever changes below the tunnel.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::{Adit, Lab, WireGuardServer};

/// Where the client is after it moved.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 77);
const PORT: u16 = 7010;
/// Longer than what the smallest MTU of the scenario lets pass whole.
const LENGTH: usize = 1300;

// spec: FLOW-1, SET-8
#[test]
fn nothing_is_lost_or_reordered_while_the_client_moves_and_the_mtu_changes() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let peer = vpn.add_peer();
    let adit = Adit::start(&lab.client);
    adit.import("home", &peer.conf());
    adit.connect("home");
    let mtu = || lab.client.sh("cat /sys/class/net/adit0/mtu").trim().to_owned();
    let initial = mtu();

    let inner = SocketAddrV4::new(vpn.inner_ipv4(), PORT);
    let sink = lab.server.enter(|| UdpSocket::bind(inner).unwrap());
    sink.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let done = AtomicBool::new(false);
    let (sent, received) = thread::scope(|scope| {
        let sending = scope.spawn(|| lab.client.enter(|| send(inner, &done)));
        let receiving = scope.spawn(|| receive(&sink));
        let changing = Finish(&done);
        // The new address is there before the old one goes, as when somebody walks between access points.
        lab.client.sh(&format!("ip address add {ELSEWHERE}/24 dev eth0"));
        lab.client.sh(&format!(
            "ip route change default via 10.20.0.1 dev eth0 proto dhcp metric 100 src {ELSEWHERE}"
        ));
        adit.eventually("the move", || {
            vpn.client_endpoint(&peer).is_some_and(|endpoint| endpoint.ip() == ELSEWHERE)
        });
        lab.client.sh("ip link set eth0 mtu 1400");
        adit.eventually("a smaller MTU", || mtu() != initial);
        lab.client.sh("ip link set eth0 mtu 1500");
        adit.eventually("the old MTU", || mtu() == initial);
        drop(changing);
        (sending.join().unwrap(), receiving.join().unwrap())
    });
    assert!(sent > 100, "{sent} datagrams are no load");
    assert_eq!(received, (0..sent).collect::<Vec<_>>());
    adit.disconnect("home");
}

/// Ends the load, also when the test fails.
struct Finish<'a>(&'a AtomicBool);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends a numbered datagram a millisecond until it is done, and says how many; then a short one.
fn send(to: SocketAddrV4, done: &AtomicBool) -> u32 {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let start = Instant::now();
    let mut datagram = [7; LENGTH];
    let mut sent = 0_u32;
    while !done.load(Ordering::Relaxed) {
        datagram[..4].copy_from_slice(&sent.to_be_bytes());
        socket.send_to(&datagram, to).unwrap();
        sent += 1;
        let due = start + Duration::from_millis(sent.into());
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    socket.send_to(b"end", to).unwrap();
    sent
}

/// The numbers of the datagrams that came whole, until the short one.
fn receive(sink: &UdpSocket) -> Vec<u32> {
    let mut numbers = Vec::new();
    let mut datagram = [0; LENGTH + 1];
    loop {
        let length = sink.recv(&mut datagram).unwrap();
        if length != LENGTH {
            return numbers;
        }
        assert!(datagram[4..length].iter().all(|byte| *byte == 7));
        numbers.push(u32::from_be_bytes(datagram[..4].try_into().unwrap()));
    }
}
