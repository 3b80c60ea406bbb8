//! What a router in the tunnel announces, RFC 4861.

use std::{net::Ipv6Addr, thread::sleep, time::Duration};

use super::{machine::*, *};
use crate::tun::{self, Layer, TunDevice};

// spec: V6-3
#[test]
fn nobody_in_a_tunnel_makes_a_route_of_the_system() {
    for layer in [Layer::Ip, Layer::Ethernet] {
        in_own_namespace(move || async move {
            let machine = Machine::new();
            let (tunnel, device) = open_tunnel_of(layer, 0);
            let mut settings = settings("10.0.0.2/24", Some("fd00::2/64"));
            if layer == Layer::Ethernet {
                settings.ethernet_address = Some(MacAddress([2, 0, 0, 0, 0, 1]));
                settings.mtu = Some(1400);
            }
            let plan = machine.plan(&tunnel, &settings).await;
            machine.network.apply(&tunnel, &plan).await.unwrap();

            // The system would listen, were it not told otherwise.
            fs::write(ACCEPTS, "1").unwrap();
            announce(&device);
            let routes = ip("-6 route show");
            assert!(routes.contains("default via fe80::99 dev adit0"), "{routes}");
            ip("-6 route del default dev adit0");

            machine.network.apply(&tunnel, &plan).await.unwrap();
            announce(&device);
            let routes = ip("-6 route show");
            assert!(!routes.contains("fe80::99"), "{routes}");
            let addresses = ip("-6 address show adit0");
            assert!(!addresses.contains("2001:db8:99:"), "{addresses}");
        });
    }
}

const ACCEPTS: &str = "/proc/sys/net/ipv6/conf/adit0/accept_ra";

/// A router at the other end announces itself and a network. Returns when the system has heard it.
fn announce(device: &TunDevice) {
    let before = heard();
    // The system is done with one when it counts the next.
    for number in 1..=2 {
        rustix::io::write(&device.queues[0], &advertisement(device.layer)).unwrap();
        while heard() < before + number {
            sleep(Duration::from_millis(1));
        }
    }
}

fn heard() -> u64 {
    let counters = fs::read_to_string("/proc/thread-self/net/dev_snmp6/adit0").unwrap();
    let count = counters.lines().find_map(|line| line.strip_prefix("Icmp6InRouterAdvertisements"));
    count.unwrap().trim().parse().unwrap()
}

/// From `fe80::99` to all, with a lifetime of half an hour and the network `2001:db8:99::/64`.
fn advertisement(layer: Layer) -> Vec<u8> {
    let (from, to): (Ipv6Addr, Ipv6Addr) =
        ("fe80::99".parse().unwrap(), "ff02::1".parse().unwrap());
    let mut message = vec![134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
    message.extend([3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0]);
    message.extend("2001:db8:99::".parse::<Ipv6Addr>().unwrap().octets());
    let length = u8::try_from(message.len()).unwrap();
    let pseudo_header =
        [&from.octets()[..], &to.octets(), &[0, 0, 0, length, 0, 0, 0, 58]].concat();
    let checksum = checksum(&[pseudo_header, message.clone()].concat());
    message[2..4].copy_from_slice(&checksum);
    let mut packet = match layer {
        Layer::Ip => vec![0; usize::from(tun::VNET_HEADER_LENGTH)],
        Layer::Ethernet => {
            [&[0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x99][..], &[0x86, 0xdd]].concat()
        }
    };
    packet.extend([0x60, 0, 0, 0, 0, length, 58, 255]);
    packet.extend([from.octets(), to.octets()].concat());
    packet.extend(message);
    packet
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    (!u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap()).to_be_bytes()
}
