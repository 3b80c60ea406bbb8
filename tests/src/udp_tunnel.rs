//! The other end of the example provider `org.example.udp`.

use std::net::SocketAddr;

use crate::machine::Machine;
use crate::process::Process;

/// A running server. Its one client is 10.77.0.2 and reaches the internet under the server's own address.
#[derive(Debug)]
pub struct UdpTunnelServer {
    machine: Machine,
    _process: Process,
}

const PORT: u16 = 5000;

impl UdpTunnelServer {
    /// Starts it on port 5000; inside the tunnel it is 10.77.0.1.
    #[must_use]
    #[track_caller]
    pub fn start(machine: &Machine) -> Self {
        machine.sh("echo 1 > /proc/sys/net/ipv4/ip_forward
             nft add table ip udp_tunnel
             nft 'add chain ip udp_tunnel out { type nat hook postrouting priority srcnat; }'
             nft add rule ip udp_tunnel out iifname inner oifname eth0 masquerade");
        machine.write_file("/run/udp_tunnel.py", PROGRAM);
        let listen = machine.host().v4.to_string();
        let process = machine.spawn(["python3", "/run/udp_tunnel.py", &listen, &PORT.to_string()]);
        process.wait_for_log("ready");
        Self { machine: machine.clone(), _process: process }
    }

    /// Where its client reaches it.
    #[must_use]
    pub fn endpoint(&self) -> SocketAddr {
        (self.machine.host().v4, PORT).into()
    }
}

/// Bridges a TUN device and a UDP socket.
const PROGRAM: &str = r#"
import fcntl, os, select, socket, struct, subprocess, sys
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"inner", 0x1001))
subprocess.run("ip addr add 10.77.0.1/24 dev inner && ip link set inner up", shell=True, check=True)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((sys.argv[1], int(sys.argv[2])))
client = None
print("ready", flush=True)
while True:
    for ready in select.select([tun, udp], [], [])[0]:
        if ready is udp:
            packet, client = udp.recvfrom(65536)
            if packet == b"hello":
                udp.sendto(packet, client)
            else:
                os.write(tun, packet)
        else:
            packet = os.read(tun, 65536)
            if client:
                udp.sendto(packet, client)
"#;
