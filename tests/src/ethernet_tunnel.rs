//! The other end of the example provider `org.example.ethernet`.

use std::net::{Ipv4Addr, SocketAddr};

use crate::capture::Capture;
use crate::machine::Machine;
use crate::process::Process;

/// A running server: an Ethernet with its one client. Inside, it is the router 10.88.0.1 and `fd88::1`, and whoever it routes
/// reaches the internet under its own addresses.
#[derive(Debug)]
pub struct EthernetTunnelServer {
    machine: Machine,
    _process: Process,
}

const PORT: u16 = 5001;

impl EthernetTunnelServer {
    /// Starts it on port 5001.
    #[must_use]
    #[track_caller]
    pub fn start(machine: &Machine) -> Self {
        machine.sh("echo 1 > /proc/sys/net/ipv4/ip_forward
             echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
             nft add table inet ethernet_tunnel
             nft 'add chain inet ethernet_tunnel out { type nat hook postrouting priority srcnat; }'
             nft add rule inet ethernet_tunnel out iifname inner oifname eth0 masquerade");
        machine.write_file("/run/ethernet_tunnel.py", PROGRAM);
        let listen = machine.host().v4.to_string();
        let process =
            machine.spawn(["python3", "/run/ethernet_tunnel.py", &listen, &PORT.to_string()]);
        process.wait_for_log("ready");
        Self { machine: machine.clone(), _process: process }
    }

    /// Where its client reaches it.
    #[must_use]
    pub fn endpoint(&self) -> SocketAddr {
        Self::endpoint_on(&self.machine)
    }

    /// Where it would be reached on a machine.
    #[must_use]
    pub fn endpoint_on(machine: &Machine) -> SocketAddr {
        (machine.host().v4, PORT).into()
    }

    /// Captures what comes through the tunnel.
    #[must_use]
    #[track_caller]
    pub fn sniff(&self) -> Capture {
        Capture::start(&self.machine, "inner")
    }

    /// Assigns addresses from here on, until what this returns is dropped: this one by DHCP, to be renewed after a few
    /// seconds, and one of `fd88::/64` by router advertisements.
    #[must_use]
    #[track_caller]
    pub fn assign(&self, address: Ipv4Addr) -> Process {
        let daemon = self.machine.spawn([
            "dnsmasq",
            "--keep-in-foreground",
            "--log-facility=-",
            "--log-dhcp",
            "--user=root",
            "--conf-file=/dev/null",
            "--port=0",
            "--interface=inner",
            "--bind-interfaces",
            "--no-ping",
            "--dhcp-authoritative",
            "--dhcp-leasefile=/run/ethernet-leases",
            &format!("--dhcp-range={address},{address},2m"),
            "--dhcp-range=fd88::,ra-only,64,2m",
            "--dhcp-option=option:router,10.88.0.1",
            "--dhcp-option=option:T1,4",
            "--dhcp-option=option:T2,100",
            "--enable-ra",
        ]);
        daemon.wait_for_log("DHCP, IP range");
        daemon
    }

    /// The machine that it runs on; its end of the Ethernet is called `inner`.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }
}

/// Bridges a TAP device and a UDP socket.
const PROGRAM: &str = r#"
import fcntl, os, select, socket, struct, subprocess, sys
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", b"inner", 0x1002))
subprocess.run("""ip link set inner mtu 1400 up
    ip addr add 10.88.0.1/24 dev inner
    ip addr add fd88::1/64 dev inner nodad""", shell=True, check=True)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((sys.argv[1], int(sys.argv[2])))
client = None
print("ready", flush=True)
while True:
    for ready in select.select([tap, udp], [], [])[0]:
        if ready is udp:
            frame, client = udp.recvfrom(65536)
            if frame == b"hello":
                udp.sendto(frame, client)
            else:
                os.write(tap, frame)
        else:
            frame = os.read(tap, 65536)
            if client:
                udp.sendto(frame, client)
"#;
