//! The firewall against programs that try to get past it. Each test first shows that what it tries
//! gets through when nothing holds it back.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use adit_model::Family;

use super::{
    neighbour::{Connected, NEIGHBOUR, PUBLIC, TCP, connect_tcp, send_udp},
    *,
};
use crate::{
    netns::nft,
    plan::{Strength, hold, plan},
    socket::{Remote, UdpRequest, open_udp},
};

const EVERY_WAY_OUT: [&str; 9] = [
    "udp",
    "udp, bound",
    "tcp",
    "ipv6",
    "ipv6, bound",
    "local",
    "packet socket",
    "local DNS",
    "local DNS, packet socket",
];

// spec: RTE-5, RTE-7, RTE-8
#[test]
fn locked_down_no_way_out_is_left_and_programs_are_told_at_once() {
    in_own_namespace(|| async {
        let machine = Connected::new();
        assert_eq!(machine.leaks(), EVERY_WAY_OUT);
        machine.lock_down(false).await;
        assert!(machine.leaks().is_empty(), "{:?}", machine.leaks());

        let start = Instant::now();
        let refused = connect_tcp(PUBLIC, 443).unwrap_err();
        let told =
            matches!(refused.kind(), ErrorKind::ConnectionRefused | ErrorKind::PermissionDenied);
        assert!(told && start.elapsed() < Duration::from_secs(2), "{refused}");

        machine.network.lock_down(None).await.unwrap();
        assert_eq!(machine.leaks(), EVERY_WAY_OUT);
    });
}

// spec: PROTO-11, RTE-10
#[test]
fn local_networks_stay_open_but_not_for_dns_nor_if_they_claim_to_be_public() {
    in_own_namespace(|| async {
        let machine = Connected::new();
        // Who runs the network says that the server is in it (TunnelCrack), or that half of the
        // internet is (TunnelVision).
        ip("address add 203.0.113.9/24 dev near0");
        ip("route add 128.0.0.0/1 dev near0");
        machine.lock_down(true).await;
        assert_eq!(machine.leaks(), ["local"]);
        // What comes from there comes in.
        let listener = UdpSocket::bind("192.168.1.9:4100").unwrap();
        listener.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        machine.neighbour.send_to(b"hello", "192.168.1.9:4100").unwrap();
        assert_eq!(listener.recv(&mut [0; 8]).unwrap(), 5);
    });
}

// spec: RTE-8
#[test]
fn only_marked_packets_pass_and_only_their_answers_come_in() {
    in_own_namespace(|| async {
        let machine = Connected::new();
        let stranger = UdpSocket::bind("192.168.1.9:4200").unwrap();
        stranger.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        machine.neighbour.send_to(b"before", "192.168.1.9:4200").unwrap();
        assert_eq!(stranger.recv(&mut [0; 8]).unwrap(), 6);

        machine.lock_down(false).await;
        let marked =
            UdpSocket::from(open_udp(&UdpRequest::new(Remote::Any(Family::Ipv4))).unwrap());
        marked.set_nonblocking(false).unwrap();
        marked.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let own = marked.local_addr().unwrap().port();
        // The server speaks first, and to a program that did not ask: neither is an answer.
        machine.neighbour.send_to(b"first", ("192.168.1.9", own)).unwrap();
        machine.neighbour.send_to(b"stray", "192.168.1.9:4200").unwrap();
        marked.send_to(b"question", (NEIGHBOUR, 9999)).unwrap();
        let (_, from) = machine.neighbour.recv_from(&mut [0; 16]).unwrap();
        machine.neighbour.send_to(b"answer", from).unwrap();
        let mut answer = [0; 16];
        let length = marked.recv(&mut answer).unwrap();
        assert_eq!(&answer[..length], b"answer", "what came first is not an answer");
        stranger.set_nonblocking(true).unwrap();
        assert_eq!(stranger.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);

        // The same server without the mark (MUL-02-002).
        machine.wire.clear();
        send_udp(NEIGHBOUR, 9999, None);
        send_udp(NEIGHBOUR, 9999, Some("near0"));
        assert_eq!(machine.wire.until_end(), []);
    });
}

// CVE-2019-14899: who is on the same network asks for the tunnel's address.
#[test]
fn beside_the_tunnel_its_address_does_not_answer() {
    in_own_namespace(|| async {
        let machine = Connected::new();
        let (tunnel, _device) = open_tunnel(0);
        let settings = settings("10.0.0.2/32", None);
        let state = machine.network.state().await.unwrap();
        let plan = plan(&tunnel, &settings, Strength::default(), &state).unwrap();
        let answers = || {
            machine.wire.clear();
            machine.neighbour.send_to(b"who has it?", "10.0.0.2:4300").unwrap();
            // Nobody listens: an answer says so, and with it that the address is here.
            thread::sleep(Duration::from_millis(100));
            machine.wire.until_end().iter().any(|seen| seen.protocol == 1)
        };
        machine.network.apply(&tunnel, &plan).await.unwrap();
        assert!(!answers());
        nft("flush ruleset");
        assert!(answers(), "without the firewall there is an answer");
        machine.network.apply(&tunnel, &plan).await.unwrap();
        assert!(!answers());
        machine.network.revert(tunnel.slot).await.unwrap();
        assert_eq!(nft("list ruleset"), "");
    });
}

// spec: RTE-5
#[test]
fn what_is_forwarded_is_never_sent_on_directly() {
    in_own_namespace(|| async {
        let machine = Connected::new();
        fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        let forwarded = || {
            machine.wire.clear();
            machine.neighbour.send_to(b"forward", "198.51.100.77:4400").unwrap();
            thread::sleep(Duration::from_millis(100));
            machine.wire.until_end().iter().any(|seen| seen.port == 4400)
        };
        assert!(forwarded());
        machine.lock_down(true).await;
        assert!(!forwarded());
    });
}

// spec: RTE-4, RTE-13, RTE-C3
#[test]
fn bound_sockets_do_not_pass_what_another_session_enforces() {
    in_own_namespace(|| async {
        let machine = Connected::new();
        let (one, _one) = open_tunnel(0);
        let (other, _other) = open_tunnel(1);
        let state = machine.network.state().await.unwrap();
        let mut free = settings("10.0.0.2/32", None);
        include(&mut free, &["198.18.0.0/15"]);
        let free = plan(&one, &free, Strength::default(), &state).unwrap();
        machine.network.apply(&one, &free).await.unwrap();
        let passes = || {
            machine.wire.clear();
            send_udp(PUBLIC, 4500, Some("near0"));
            !machine.wire.until_end().is_empty()
        };
        assert!(passes());
        let mut enforced = settings("10.0.0.3/32", None);
        include(&mut enforced, &["203.0.113.0/24"]);
        let strength = Strength { enforce_routes: true, ..Strength::default() };
        let enforced = plan(&other, &enforced, strength, &state).unwrap();
        machine.network.apply(&other, &enforced).await.unwrap();
        assert!(!passes());
        machine.network.revert(other.slot).await.unwrap();
        assert!(passes());
    });
}

// spec: RTE-5, RTE-7, RTE-C1
#[test]
fn all_networks_are_held_back_before_there_is_a_tunnel_and_go_through_it_then() {
    in_own_namespace(|| async {
        let machine = Connected::new();
        let (tunnel, _device) = open_tunnel(0);
        let strength = Strength { include_all_networks: true, ..Strength::default() };
        let state = machine.network.state().await.unwrap();
        machine.network.apply(&tunnel, &hold(strength, &state)).await.unwrap();
        assert!(machine.leaks().is_empty(), "{:?}", machine.leaks());

        // TunnelVision: the network hands out routes to everything.
        ip("route add 0.0.0.0/1 via 192.168.1.1");
        ip("route add 128.0.0.0/1 via 192.168.1.1");
        let mut settings = settings("10.0.0.2/32", None);
        include(&mut settings, &["0.0.0.0/0"]);
        let state = machine.network.state().await.unwrap();
        let plan = plan(&tunnel, &settings, strength, &state).unwrap();
        machine.network.apply(&tunnel, &plan).await.unwrap();
        assert!(routed(PUBLIC).contains("dev adit0"), "{}", routed(PUBLIC));
        assert!(machine.leaks().is_empty(), "{:?}", machine.leaks());
        // Nothing marks the end of a session but the end.
        machine.network.apply(&tunnel, &hold(strength, &state)).await.unwrap();
        assert!(machine.leaks().is_empty(), "{:?}", machine.leaks());
        machine.network.revert(tunnel.slot).await.unwrap();
        assert!(!machine.leaks().is_empty());
    });
}

// spec: RTE-6, RTE-C5
#[test]
fn a_connection_from_before_stalls_and_is_not_reset() {
    in_own_namespace(|| async {
        let machine = Connected::new();
        let listener = TcpListener::bind("192.168.1.9:4600").unwrap();
        let address = listener.local_addr().unwrap();
        let mut far = machine.connect_from_neighbour(address);
        let (mut near, _) = listener.accept().unwrap();
        near.write_all(b"one").unwrap();
        far.read_exact(&mut [0; 3]).unwrap();

        machine.lock_down(false).await;
        machine.wire.clear();
        near.write_all(b"two").unwrap();
        far.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        assert_eq!(far.read(&mut [0; 3]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(machine.wire.until_end().iter().all(|seen| seen.protocol != TCP));
        machine.network.lock_down(None).await.unwrap();
        far.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        far.read_exact(&mut [0; 3]).unwrap();
    });
}

// spec: TUN-9, RTE-7
#[test]
fn while_rules_are_replaced_nothing_gets_out() {
    in_own_namespace(|| async {
        let machine = Connected::new();
        machine.lock_down(false).await;
        machine.wire.clear();
        let (stop, tried) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let prober = {
            let (stop, tried) = (stop.clone(), tried.clone());
            thread::spawn(move || {
                let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
                while !stop.load(Ordering::Relaxed) {
                    // That it is refused shows on the wire.
                    let _ = socket.send_to(b"probe", (PUBLIC, 4700));
                    tried.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        for round in 0..200 {
            machine.lock_down(round % 2 == 0).await;
        }
        stop.store(true, Ordering::Relaxed);
        prober.join().unwrap();
        assert!(tried.load(Ordering::Relaxed) > 200);
        assert_eq!(machine.wire.until_end(), []);
    });
}

// spec: RTE-7, TUN-18
#[test]
fn the_firewall_outlives_the_process_and_what_is_not_ours_is_left_alone() {
    in_own_namespace(|| async {
        let mut machine = Connected::new();
        nft("add table inet other");
        nft("add chain inet other mine { type filter hook output priority 7; policy accept; }");
        let before = nft("list ruleset");
        let (tunnel, _device) = open_tunnel(0);
        let strength = Strength { include_all_networks: true, ..Strength::default() };
        let state = machine.network.state().await.unwrap();
        machine.network.apply(&tunnel, &hold(strength, &state)).await.unwrap();
        machine.lock_down(false).await;
        machine.crash();
        assert!(machine.leaks().is_empty());
        // The next process lifts one, and the other stays.
        machine.network.lock_down(None).await.unwrap();
        assert!(machine.leaks().is_empty());
        machine.lock_down(false).await;
        let recovered = machine.network.recover(&BTreeSet::new()).await.unwrap();
        assert!(recovered.firewall);
        assert!(machine.leaks().is_empty(), "the machine is still locked down");
        machine.network.lock_down(None).await.unwrap();
        assert_eq!(nft("list ruleset"), before);
        assert_eq!(machine.leaks(), EVERY_WAY_OUT);
    });
}
