//! A WireGuard server on Adit's own engine: `adit-gateway INTERFACE CONF`.
//!
//! It makes the interface and carries packets; addresses and routes are the business of whoever
//! started it. SIGHUP reads the file again, SIGTERM ends.

use std::error::Error;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::ExitCode;

use adit_model::ConfigurationId;
use adit_model::wireguard::{PRIVATE_KEY, WireGuardConfiguration, preshared_key};
use adit_network::tun::{self, TunDevice, TunOptions};
use adit_profile::import_wg_quick;
use adit_provider::{PacketFlow, protocol};
use adit_wireguard::{Engine, Parameters, PeerParameters};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, interface, conf] = &arguments[..] else {
        eprintln!("usage: adit-gateway INTERFACE CONF");
        return ExitCode::from(2);
    };
    match serve(interface, conf).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(interface: &str, conf: &str) -> Result<(), Box<dyn Error>> {
    let device = tun::open(&TunOptions { name: interface.into(), ..TunOptions::default() })?;
    let mut reload = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        let engine = start(&device, conf)?;
        println!("ready");
        tokio::select! {
            // The port must be free before the next engine binds it.
            _ = reload.recv() => drop(engine),
            _ = terminate.recv() => return Ok(()),
        }
    }
}

/// No engine as long as there is nobody to speak to.
fn start(device: &TunDevice, conf: &str) -> Result<Option<Engine>, Box<dyn Error>> {
    let text = fs::read_to_string(conf)?;
    if !text.contains("[Peer]") {
        return Ok(None);
    }
    let imported = import_wg_quick(text.as_bytes(), "gateway", ConfigurationId::random())?;
    let provider = &imported.configuration.protocol.provider_configuration;
    let wireguard = WireGuardConfiguration::from_map(provider)?;
    let mut peers = Vec::new();
    for peer in &wireguard.peers {
        let preshared = imported.secrets.get(&preshared_key(&peer.public_key));
        peers.push(PeerParameters {
            public_key: peer.public_key,
            preshared_key: preshared.map(|key| key.expose().parse()).transpose()?,
            endpoint: None,
            is_looked_for: false,
            allowed_ips: peer.allowed_ips.clone(),
            persistent_keepalive: peer.persistent_keepalive,
        });
    }
    let private_key = imported.secrets.get(PRIVATE_KEY).ok_or("the private key is missing")?;
    let parameters = Parameters { private_key: private_key.expose().parse()?, peers };
    let sockets = sockets(wireguard.listen_port.unwrap_or_default())?;
    Ok(Some(Engine::start(parameters, flow(device)?, sockets)?))
}

/// The device stays open here, so that the interface outlives an engine.
fn flow(device: &TunDevice) -> Result<PacketFlow, Box<dyn Error>> {
    let queues = device.queues.iter().map(OwnedFd::try_clone).collect::<Result<Vec<_>, _>>()?;
    let description = protocol::TunDevice {
        queues: (0..queues.len()).collect(),
        vnet_header: device.offloads.vnet_header,
        tso: device.offloads.tso,
        uso: device.offloads.uso,
    };
    Ok(PacketFlow::new(&description, queues)?)
}

fn sockets(port: u16) -> Result<Vec<UdpSocket>, Box<dyn Error>> {
    let ipv6 = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::DGRAM, None)?;
    ipv6.set_only_v6(true)?;
    ipv6.bind(&std::net::SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
    let ipv4 = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    Ok(vec![ipv4, ipv6.into()])
}
