//! The provider protocol is open: a provider in plain Python carries real packets.

use adit_tests::{Adit, Lab, UdpTunnelServer, address};
use serde_json::json;

// spec: COL-1, PRV-5, PRV-8, PTP-1
#[test]
fn a_provider_in_plain_python_carries_packets() {
    let Some(lab) = Lab::new() else { return };
    let server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    import(&adit, &server.endpoint().to_string());
    let sniffer = lab.sniff_client();

    adit.connect("python");
    lab.client.run(["ping", "-c", "3", "-i", "0.1", "-W", "2", "10.77.0.1"]);
    let seen = lab.client.whoami("10.77.0.1").unwrap();
    assert_eq!(seen.to_string(), "10.77.0.2");
    let status = adit.run(["status", "python"]);
    assert!(status.contains("packetsOut"), "{status}");

    let sent = sniffer.stop().incoming();
    sent.assert_some("the tunnel", |packet| packet.is_udp_to(server.endpoint()));
    sent.assert_only_to(server.endpoint());
    adit.disconnect("python");
    adit.assert_no_residue();
}

// spec: PTP-4, SES-9
#[test]
fn its_own_error_reaches_the_user_unchanged() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    import(&adit, "198.51.100.10:5001");
    let outcome = adit.try_run(["connect", "python", "--wait", "15"]);
    assert_eq!(outcome.status.code(), Some(1));
    assert!(outcome.stderr.contains("The server does not greet back."), "{}", outcome.stderr);
    let json = adit.run(["status", "python", "--json"]);
    assert!(json.contains("org.example.udp"), "{json}");
    adit.assert_no_residue();
}

// spec: PTP-9, PTP-10, PTP-11, DNS-23
#[test]
fn a_provider_reaches_what_is_behind_its_tunnel_also_when_all_else_is_held_back() {
    const ID: &str = "org.example.probing";
    let Some(lab) = Lab::new() else { return };
    let server = UdpTunnelServer::start(&lab.server);
    let echo = lab.server.spawn(["python3", "-c", ECHO]);
    echo.wait_for_log("ready");
    let adit = Adit::start(&lab.client);
    let (before, after) = PROGRAM.split_once("while True:\n    waiting").unwrap();
    adit.install_provider(ID, &format!("{before}{PROBING}\nwhile True:\n    waiting{after}"));
    let configuration = json!({
        "remote": server.endpoint().to_string(),
        "address": "10.77.0.2/24",
        "routes": ["10.77.0.0/16"],
        "settings": { "dns": { "servers": ["10.77.0.1"], "matchDomains": [""] } },
    });
    let sniffer = lab.sniff_client();
    for all in [false, true] {
        let protocol = json!({ "providerConfiguration": configuration, "includeAllNetworks": all });
        adit.import_for(ID, "python", &protocol);
        adit.connect("python");
        for (kind, times) in [("UDP", 1 + usize::from(all)), ("TCP", 1 + usize::from(all))] {
            let said = format!("{kind} said 10.77.0.2");
            adit.eventually(&said, || adit.helper().log().matches(&said).count() == times);
        }
        assert!(lab.client.sh("cat /etc/resolv.conf").contains("10.77.0.1"));
        let beneath = format!("beneath: {}", address::DNS.v4);
        assert!(adit.helper().log().contains(&beneath), "{beneath}");
        adit.disconnect("python");
    }
    sniffer.stop().incoming().assert_only_to(server.endpoint());
    adit.assert_no_residue();
}

const PROGRAM: &str = include_str!("../providers/org.example.udp/udp_tunnel.py");

/// Once the tunnel is established, asks who it is from inside, as it goes on carrying packets.
const PROBING: &str = r#"
import threading

def probe(kind, method):
    reply, fds = host.call(method, remote="10.77.0.1:7000")
    inside = socket.socket(fileno=fds[reply["fdIndex"]])
    inside.settimeout(20)
    select.select([], [inside], [], 20)
    inside.send(b"who am I")
    print(kind, "said", inside.recv(100).decode(), flush=True)

def probe_all():
    print("beneath:", *host.call("UnderlyingDns")[0]["servers"], flush=True)
    probe("UDP", "OpenUdpThroughTunnel")
    probe("TCP", "OpenTcpThroughTunnel")

establish = start

def start(call, fds):
    establish(call, fds)
    threading.Thread(target=probe_all, daemon=True).start()
"#;

/// Tells whoever asks at port 7000 their address.
const ECHO: &str = r#"
import select, socket
tcp, udp = (socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM))
for listener in (tcp, udp):
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("10.77.0.1", 7000))
tcp.listen()
print("ready", flush=True)
while True:
    for ready in select.select([tcp, udp], [], [])[0]:
        if ready is udp:
            _, whom = udp.recvfrom(100)
            udp.sendto(whom[0].encode(), whom)
        else:
            stream, whom = tcp.accept()
            stream.recv(100)
            stream.sendall(whom[0].encode())
            stream.close()
"#;

/// A configuration whose server is at `remote`.
fn import(adit: &Adit, remote: &str) {
    let configuration =
        json!({ "remote": remote, "address": "10.77.0.2/24", "routes": ["10.77.0.0/16"] });
    let protocol = json!({ "providerConfiguration": configuration });
    adit.import_for("org.example.udp", "python", &protocol);
}
