//! The provider protocol is open: a provider in plain Python carries real packets.

use adit_tests::{Adit, Lab, Machine, Process, address};

// spec: COL-1, PRV-8, PTP-1, PTP-7, PTP-8, FLOW-1, PRV-4, PRV-5
#[test]
fn a_provider_in_plain_python_carries_packets() {
    let Some(lab) = Lab::new() else { return };
    let _server = serve(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.run_import(&lab.client, "198.51.100.10:5000");
    let sniffer = lab.sniff_client();

    adit.connect("python");
    lab.client.run(["ping", "-c", "3", "-i", "0.1", "-W", "2", "10.77.0.1"]);
    let seen = lab.client.whoami("10.77.0.1").unwrap();
    assert_eq!(seen.to_string(), "10.77.0.2");
    let status = adit.run(["status", "python"]);
    assert!(status.contains("packetsOut"), "{status}");

    let sent = sniffer.stop().incoming();
    let server = (address::SERVER.v4, 5000).into();
    sent.assert_some("the tunnel", |packet| packet.is_udp_to(server));
    sent.assert_only("the tunnel", |packet| packet.is_udp_to(server) || packet.is_housekeeping());
    adit.disconnect("python");
    adit.assert_no_residue();
}

// spec: PTP-4, SES-9
#[test]
fn its_own_error_reaches_the_user_unchanged() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    adit.run_import(&lab.client, "198.51.100.10:5001");
    let outcome = adit.try_run(["connect", "python", "--wait", "15"]);
    assert_eq!(outcome.status.code(), Some(1));
    assert!(outcome.stderr.contains("The server does not greet back."), "{}", outcome.stderr);
    let json = adit.run(["status", "python", "--json"]);
    assert!(json.contains("org.example.udp"), "{json}");
    adit.assert_no_residue();
}

trait ImportPython {
    fn run_import(&self, client: &Machine, remote: &str);
}

impl ImportPython for Adit {
    /// As an administrator would: JSON in the form that `adit export --format adit` writes.
    fn run_import(&self, client: &Machine, remote: &str) {
        let configuration = format!(
            r#"{{"adit": 1, "secrets": {{}}, "configuration": {{"name": "python",
                "id": "5f0c6a32-9d3c-4a9e-8d0b-3c1f9b7d2a11", "protocol": {{
                "providerId": "org.example.udp", "serverAddress": "server.test",
                "providerConfiguration": {{
                    "remote": "{remote}", "address": "10.77.0.2/24", "routes": ["10.77.0.0/16"]
                }}
            }}}}}}"#
        );
        client.write_file("/run/python.json", configuration);
        self.run(["import", "/run/python.json"]);
    }
}

/// The other end: bridges a TUN device and the UDP socket, and answers web requests inside.
fn serve(server: &Machine) -> Process {
    server.write_file("/run/serve.py", SERVER);
    let process = server.spawn(["python3", "/run/serve.py"]);
    process.wait_for_log("ready");
    process
}

const SERVER: &str = r#"
import fcntl, os, select, socket, struct, subprocess
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"inner", 0x1001))
subprocess.run("ip addr add 10.77.0.1/24 dev inner && ip link set inner up", shell=True, check=True)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("198.51.100.10", 5000))
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
