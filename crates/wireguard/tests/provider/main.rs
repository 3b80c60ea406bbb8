//! The provider's program, started as the helper starts it, with a test in the helper's place.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

mod helper;
mod server;

use std::{
    net::IpAddr,
    os::{
        fd::{AsFd, OwnedFd},
        linux::net::SocketAddrExt,
        unix::{
            fs::MetadataExt,
            net::{SocketAddr, UnixDatagram, UnixListener, UnixStream},
        },
    },
    process::Command,
    time::Duration,
};

use adit_model::{
    ConfigurationId, ConnectionError, NetworkPath, PathStatus, ProviderStopReason, Secret, Secrets,
    TunnelProviderProtocol, VpnConfiguration,
    wireguard::{PRIVATE_KEY, PROVIDER_ID},
};
use adit_provider::protocol as wire;
use adit_varlink::Client;
use adit_wireguard::{PrivateKey, Status};
use serde_json::{Value, json};

use crate::{
    helper::{Helper, Said, start_call, start_program, tokio_stream},
    server::{Server, packet, receive},
};

const LIMIT: Duration = Duration::from_secs(40);

/// The private keys 1 and 2 and an address of the tunnel.
const CLIENT_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

const CLIENT: [u8; 4] = [10, 9, 0, 2];

const SITE: [u8; 4] = [203, 0, 113, 1];

// spec: NW-17, TUN-2
#[tokio::test]
async fn a_session_from_its_start_to_its_stop() {
    let server = Server::start("127.0.0.1:0");
    // Nobody listens at the first address.
    let mut helper = Helper::new(&[("vpn.test", &["127.0.0.9", "127.0.0.1"])]);
    let configuration = configuration("vpn.test", server.port);
    let system = helper.start(&configuration, &secrets(CLIENT_KEY)).await;
    let Said::Settings(settings) = helper.next().await else { panic!("no settings") };
    assert_eq!(settings.tunnel_remote_address, IpAddr::from([127, 0, 0, 1]));
    assert!(settings.includes_default());
    assert_eq!(helper.next().await, Said::Started(None));

    system.send(&packet(CLIENT, SITE)).unwrap();
    assert_eq!(server.receive(), packet(CLIENT, SITE));
    server.system.send(&packet(SITE, CLIENT)).unwrap();
    assert_eq!(receive(&system), packet(SITE, CLIENT));

    let status = helper.provider.call(&wire::Status {}).await.unwrap().status;
    let status: Status = serde_json::from_value(status).unwrap();
    assert_eq!(status.peers[0].endpoint, Some(([127, 0, 0, 1], server.port).into()));
    assert!(status.peers[0].last_handshake.is_some());
    // "status" in base64.
    let ask = wire::HandleAppMessage { message: "c3RhdHVz".into() };
    assert!(helper.provider.call(&ask).await.unwrap().reply.is_some());

    let mut changed = configuration.clone();
    let map = &mut changed.protocol.provider_configuration;
    map.insert("dnsServers".into(), json!(["10.9.0.1"]));
    assert!(helper.change(&changed).await);
    let Said::Settings(settings) = helper.next().await else { panic!("no settings") };
    assert!(settings.dns.is_some());
    changed.protocol.provider_configuration["peers"][0]["allowedIps"] = json!(["10.0.0.0/8"]);
    assert!(!helper.change(&changed).await);

    helper.provider.call(&wire::Stop { reason: ProviderStopReason::UserInitiated }).await.unwrap();
    assert!(helper.ends().await);
}

// spec: CERR-4, CERR-5
#[tokio::test]
async fn a_start_that_cannot_succeed_says_why() {
    for (host, key, code, says) in [
        ("vpn.test", "short", ConnectionError::AuthenticationFailed, "private key"),
        ("typo.test", CLIENT_KEY, ConnectionError::ServerAddressResolutionFailed, "“typo.test”"),
    ] {
        let mut helper = Helper::new(&[]);
        let _system = helper.start(&configuration(host, 1), &secrets(key)).await;
        let Said::Started(Some(error)) = helper.next().await else { panic!("it started") };
        assert_eq!(error.code, i64::from(code as u8), "{error:?}");
        assert!(error.message.contains(says), "{error:?}");
    }
}

// spec: TUN-8, PRV-6
#[tokio::test]
async fn a_server_that_falls_silent_is_looked_for_and_found() {
    let server = Server::start("127.0.0.1:0");
    let mut helper = Helper::new(&[]);
    let _system =
        helper.start(&configuration("127.0.0.1", server.port), &secrets(CLIENT_KEY)).await;
    assert!(matches!(helper.next().await, Said::Settings(_)));
    assert_eq!(helper.next().await, Said::Started(None));

    let port = server.port;
    drop(server);
    let path = NetworkPath { addresses: vec![[192, 0, 2, 7].into()], ..online() };
    helper.provider.call(&wire::PathChanged { path }).await.unwrap();
    assert_eq!(helper.next().await, Said::Reasserting(true));
    let _server = Server::start(&format!("127.0.0.1:{port}"));
    assert_eq!(helper.next().await, Said::Reasserting(false));
}

// spec: PRV-6
#[tokio::test]
async fn a_start_without_a_network_goes_on_when_there_is_one() {
    let server = Server::start("127.0.0.1:0");
    let mut helper = Helper::new(&[]);
    let configuration = configuration("127.0.0.1", server.port);
    let _system = helper.start_on(NetworkPath::NONE, &configuration, &secrets(CLIENT_KEY)).await;
    helper.go(online()).await;
    assert!(matches!(helper.next().await, Said::Settings(_)));
    assert_eq!(helper.next().await, Said::Started(None));
}

// spec: PRV-10
#[tokio::test]
async fn a_start_is_given_up_when_the_session_is_stopped() {
    let mut helper = Helper::new(&[]);
    let system = helper.start(&configuration("127.0.0.1", 9), &secrets(CLIENT_KEY)).await;
    helper.provider.call(&wire::Stop { reason: ProviderStopReason::UserInitiated }).await.unwrap();
    // The device is closed, so nothing carries packets any more.
    assert!(system.send(&packet(CLIENT, SITE)).is_err());
    assert!(helper.ends().await);
}

// spec: X-2
#[tokio::test]
async fn the_next_helper_gets_the_device_and_the_call_that_the_last_one_left_unanswered() {
    let server = Server::start("127.0.0.1:0");
    let name = format!("adit-provider-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap();
    let (unanswered, host_end) = UnixStream::pair().unwrap();
    let (child, first) = start_program(host_end, Some(listener));
    let mut first = Client::from_stream(tokio_stream(first));
    let (_system, device) = UnixDatagram::pair().unwrap();
    let configuration = configuration("127.0.0.1", server.port);
    let start = start_call(online(), &configuration, &secrets(CLIENT_KEY));
    first.call_with_fds(&start, &[device.as_fd()]).await.unwrap();
    let unanswered = tokio_stream(unanswered);
    unanswered.readable().await.unwrap();
    drop((first, unanswered));

    let next = UnixStream::connect_addr(&address).unwrap();
    let mut next = Client::from_stream(tokio_stream(next));
    let (host, host_end) = UnixStream::pair().unwrap();
    let (_log, log_end) = std::io::pipe().unwrap();
    let attach = wire::Attach { host: 0, log: 1 };
    let given = [host_end.as_fd(), log_end.as_fd()];
    let (attached, back) = next.call_with_fds(&attach, &given).await.unwrap();
    assert!(!attached.established && !attached.reasserting);
    assert_eq!((attached.queues, back.len()), (vec![0], 1));
    let inode =
        |fd: &OwnedFd| std::fs::File::from(fd.try_clone().unwrap()).metadata().unwrap().ino();
    assert_eq!(inode(&back[0]), inode(&device.into()));
    let mut helper = Helper::attend(child, next, host, &[]);
    assert!(matches!(helper.next().await, Said::Settings(_)));
    assert_eq!(helper.next().await, Said::Started(None));
    helper.provider.call(&wire::Stop { reason: ProviderStopReason::UserInitiated }).await.unwrap();
    assert!(helper.ends().await);
}

#[test]
fn the_program_says_that_it_is_not_for_people() {
    let output = Command::new(env!("CARGO_BIN_EXE_adit-wireguard")).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("started by the Adit service"));
}

fn configuration(host: &str, port: u16) -> VpnConfiguration {
    let server: Value = json!({
        "addresses": ["10.9.0.2/32"],
        "peers": [{
            "publicKey": PrivateKey::new([2; 32]).public_key(),
            "endpoint": format!("{host}:{port}"),
            "allowedIps": ["0.0.0.0/0"],
        }],
    });
    let mut protocol = TunnelProviderProtocol::new(PROVIDER_ID, host);
    protocol.provider_configuration.clone_from(server.as_object().unwrap());
    VpnConfiguration::new(ConfigurationId::random(), "test", protocol)
}

fn secrets(key: &str) -> Secrets {
    Secrets::from([(PRIVATE_KEY.into(), Secret::new(key))])
}

fn online() -> NetworkPath {
    NetworkPath { status: PathStatus::Satisfied, ..NetworkPath::NONE }
}

fn plain_tun() -> wire::TunDevice {
    wire::TunDevice { queues: vec![0], vnet_header: false, tso: false, uso: false }
}
