//! The provider protocol is open: a provider in plain Python carries real packets.

use adit_tests::{Adit, Lab, UdpTunnelServer};
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

/// A configuration whose server is at `remote`.
fn import(adit: &Adit, remote: &str) {
    let configuration =
        json!({ "remote": remote, "address": "10.77.0.2/24", "routes": ["10.77.0.0/16"] });
    let protocol = json!({ "providerConfiguration": configuration });
    adit.import_for("org.example.udp", "python", &protocol);
}
