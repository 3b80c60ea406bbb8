use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::fd::AsRawFd,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    thread::{CapabilitySet, capabilities, set_capabilities},
};

use super::*;
use crate::{
    netns::{in_own_namespace, ip},
    skip::skip,
};

// spec: FLOW-6
#[test]
fn packets_pass_both_ways_behind_a_virtio_header() {
    in_own_namespace(|| async {
        let device = open(&TunOptions::default()).unwrap();
        assert!(device.name.starts_with("adit"), "{}", device.name);
        assert!(ip(&format!("link show {}", device.name)).starts_with(&device.index.to_string()));
        let queue = bring_up(device);

        let echo = [&[0; VNET_HEADER_LENGTH as usize], ping().as_slice()].concat();
        rustix::io::write(&queue, &echo).unwrap();

        let reply = read_packet(&queue, |frame| protocol(frame) == ICMP);
        let packet = &reply[usize::from(VNET_HEADER_LENGTH)..];
        assert_eq!(packet[12..20], [LOCAL.octets(), PEER.octets()].concat());
        assert_eq!(packet[20], 0, "an echo reply");
    });
}

#[test]
fn udp_comes_in_one_run_if_offered() {
    in_own_namespace(|| async {
        let device = open(&TunOptions::default()).unwrap();
        if !device.offloads.uso {
            return skip("this kernel has no UDP segmentation offload");
        }
        let queue = bring_up(device);
        let socket = UdpSocket::bind((LOCAL, 0)).unwrap();
        send_segmented(&socket, &[7; 5000], 1000, (PEER, 9).into());

        let run = read_packet(&queue, |frame| protocol(frame) == UDP);
        assert_eq!(run.len(), usize::from(VNET_HEADER_LENGTH) + 20 + 8 + 5000);
        let segment_size = u16::from_ne_bytes([run[4], run[5]]);
        assert_eq!(segment_size, 1000);
    });
}

#[test]
fn without_the_header_packets_come_as_they_are() {
    in_own_namespace(|| async {
        let options = TunOptions { vnet_header: false, ..TunOptions::default() };
        let device = open(&options).unwrap();
        assert_eq!(device.offloads, Offloads { vnet_header: false, tso: false, uso: false });
        let queue = bring_up(device);

        rustix::io::write(&queue, &ping()).unwrap();

        let is_reply = |packet: &[u8]| packet[0] == 0x45 && packet[9] == ICMP;
        assert_eq!(read_packet(&queue, is_reply).len(), ping().len());
    });
}

// spec: PTP-7
#[test]
fn each_device_has_an_interface_of_its_own_that_is_down() {
    in_own_namespace(|| async {
        let first = open(&TunOptions::default()).unwrap();
        let queues = NonZeroUsize::new(3).unwrap();
        let options = TunOptions { queues, queue_length: 64, ..TunOptions::default() };
        let second = open(&options).unwrap();

        assert_ne!(first.name, second.name);
        assert_ne!(first.index, second.index);
        assert_eq!(second.queues.len(), 3);
        let link = ip(&format!("link show {}", second.name));
        assert!(link.contains("state DOWN") && link.contains("qlen 64"), "{link}");

        let name = second.name.clone();
        assert!(first.has_interface() && second.has_interface());
        ip(&format!("link del {}", first.name));
        assert!(!first.has_interface() && second.has_interface());
        drop(second);
        assert!(!ip("link").contains(&name), "the interface goes with its last queue");
    });
}

#[test]
fn a_name_that_cannot_be_had_is_an_error_of_its_own() {
    in_own_namespace(|| async {
        let named =
            |name: &str| open(&TunOptions { name: name.to_owned(), ..TunOptions::default() });
        let _device = named("adit7").unwrap();
        assert!(matches!(named("adit7"), Err(TunError::NameTaken(name)) if name == "adit7"));
        assert!(matches!(named("lo"), Err(TunError::NameTaken(_))));
        for name in ["", "..", "sixteen-letters-", "a/b", "a b", "adit%d%d", "adit%s"] {
            assert!(matches!(named(name), Err(TunError::InvalidName(_))), "{name}");
        }
        let queues = NonZeroUsize::new(257).unwrap();
        let too_many = open(&TunOptions { queues, ..TunOptions::default() });
        assert!(matches!(too_many, Err(TunError::TooManyQueues(257))), "{too_many:?}");
    });
}

#[test]
fn a_device_goes_on_with_descriptors_that_really_are_its_queues() {
    in_own_namespace(|| async {
        let device = open(&TunOptions::default()).unwrap();
        let other = open(&TunOptions::default()).unwrap();
        let duplicate = || device.queues[0].try_clone().unwrap();
        let adopted = adopt(vec![duplicate()], &device.name, device.index).unwrap();
        assert_eq!((&adopted.name, adopted.index), (&device.name, device.index));
        assert_eq!(adopted.offloads, device.offloads);

        let (file, _) = std::os::unix::net::UnixDatagram::pair().unwrap();
        for (queues, name, index) in [
            (vec![], &device.name, device.index),
            (vec![duplicate()], &other.name, other.index),
            (vec![duplicate()], &device.name, other.index),
            (vec![duplicate(), file.into()], &device.name, device.index),
        ] {
            let refused = adopt(queues, name, index);
            assert!(matches!(refused, Err(TunError::NotItsQueues(_))), "{refused:?}");
        }
        let elsewhere = duplicate();
        in_own_namespace(|| async {
            // The same name and, in a new namespace, the same index.
            let local = open(&TunOptions::default()).unwrap();
            let refused = adopt(vec![elsewhere], &local.name, local.index);
            assert!(matches!(refused, Err(TunError::NotItsQueues(_))), "{refused:?}");
        });
    });
}

#[test]
fn without_the_capability_the_error_names_it() {
    in_own_namespace(|| async {
        let mut sets = capabilities(None).unwrap();
        sets.effective.remove(CapabilitySet::NET_ADMIN);
        set_capabilities(None, sets).unwrap();
        let refused = open(&TunOptions::default()).unwrap_err();
        assert!(refused.to_string().contains("CAP_NET_ADMIN"), "{refused}");
    });
}

const LOCAL: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const ICMP: u8 = 1;
const UDP: u8 = 17;

fn bring_up(device: TunDevice) -> OwnedFd {
    ip(&format!("address add {LOCAL}/24 dev {}", device.name));
    ip(&format!("link set {} up", device.name));
    device.queues.into_iter().next().unwrap()
}

/// The first packet that is `wanted`; the kernel sends packets of its own on a fresh interface.
fn read_packet(queue: &OwnedFd, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let limit = Timespec { tv_sec: 10, tv_nsec: 0 };
    let mut buffer = vec![0; 1 << 17];
    loop {
        let readable = poll(&mut [PollFd::new(queue, PollFlags::IN)], Some(&limit));
        assert_eq!(readable, Ok(1), "the packet did not come");
        let length = rustix::io::read(queue, &mut buffer[..]).unwrap();
        if wanted(&buffer[..length]) {
            return buffer[..length].to_vec();
        }
    }
}

fn protocol(frame: &[u8]) -> u8 {
    let packet = &frame[usize::from(VNET_HEADER_LENGTH)..];
    if packet[0] == 0x45 { packet[9] } else { 0 }
}

/// An echo request from the peer to the interface's address.
fn ping() -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, ICMP, 0, 0];
    packet.extend([PEER.octets(), LOCAL.octets()].concat());
    packet.extend([8, 0, 0, 0, 0, 1, 0, 1]);
    let (header_sum, message_sum) = (checksum(&packet[..20]), checksum(&packet[20..]));
    packet[10..12].copy_from_slice(&header_sum);
    packet[22..24].copy_from_slice(&message_sum);
    packet
}

fn checksum(bytes: &[u8]) -> [u8; 2] {
    let sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    (!u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap()).to_be_bytes()
}

fn send_segmented(socket: &UdpSocket, payload: &[u8], segment: libc::c_int, to: SocketAddr) {
    // SAFETY: UDP_SEGMENT reads one int, 4 bytes, from the pointer.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_UDP,
            libc::UDP_SEGMENT,
            (&raw const segment).cast(),
            4,
        )
    };
    assert_eq!(set, 0, "UDP_SEGMENT");
    assert_eq!(socket.send_to(payload, to).unwrap(), payload.len());
}
