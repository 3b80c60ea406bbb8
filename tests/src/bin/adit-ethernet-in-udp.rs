//! A provider of Ethernet tunnels: each frame travels as one UDP datagram. There is no encryption: this shows the
//! interface of a provider, not how to protect traffic.
//!
//! Provider configuration: `{"remote": "192.0.2.1:5001", "settings": {...}}`, where the settings are those that the helper
//! is asked for. A change of these takes effect in the running tunnel.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use adit_model::{
    ConnectionError, PacketTunnelNetworkSettings, ProviderStopReason, Secrets, VpnConfiguration,
};
use adit_provider::{
    EthernetInterface, EthernetStartRequest, EthernetTunnelProvider, FrameFlow, Host,
    ProviderError, TunnelProvider, UdpBinding, run_ethernet,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const HELLO: &[u8] = b"hello";
const PATIENCE: Duration = Duration::from_secs(5);

struct EthernetInUdp {
    host: Host,
    wanted: Wanted,
    carrying: JoinHandle<()>,
}

#[derive(Deserialize)]
struct Wanted {
    remote: SocketAddr,
    settings: PacketTunnelNetworkSettings,
}

impl EthernetTunnelProvider for EthernetInUdp {
    async fn start(request: EthernetStartRequest, host: Host) -> Result<Self, ProviderError> {
        let wanted = Wanted::read(&request.configuration)?;
        let server = host.open_tokio_udp(UdpBinding::Connected(wanted.remote)).await;
        let server = server.map_err(|error| failed(&error))?;
        greet(&server).await?;
        let tunnel = host.set_ethernet_tunnel_network_settings(wanted.settings.clone()).await;
        let EthernetInterface { flow, .. } = tunnel.map_err(|error| failed(&error))?;
        let carrying = tokio::spawn(carry(flow, server));
        Ok(Self { host, wanted, carrying })
    }
}

impl TunnelProvider for EthernetInUdp {
    async fn stop(self, _: ProviderStopReason) {
        self.carrying.abort();
    }

    async fn configuration_changed(&mut self, changed: VpnConfiguration, _: Secrets) -> bool {
        let Ok(wanted) = Wanted::read(&changed) else { return false };
        if wanted.remote != self.wanted.remote {
            return false;
        }
        // The frames are the same ones, and are being carried.
        self.host.set_ethernet_tunnel_network_settings(wanted.settings).await.is_ok()
    }
}

impl Wanted {
    fn read(configuration: &VpnConfiguration) -> Result<Self, ProviderError> {
        let own: Map<String, Value> = configuration.protocol.provider_configuration.clone();
        serde_json::from_value(own.into()).map_err(|error| failed(&error))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run_ethernet::<EthernetInUdp>().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn greet(server: &UdpSocket) -> Result<(), ProviderError> {
    let mut answer = [0; 64];
    server.send(HELLO).await.map_err(|error| failed(&error))?;
    match timeout(PATIENCE, server.recv(&mut answer)).await {
        Ok(Ok(length)) if &answer[..length] == HELLO => Ok(()),
        Ok(_) | Err(_) => Err(failed(&"The server does not greet back.")),
    }
}

/// Until the interface is gone. What the network loses is lost, as on any Ethernet.
async fn carry(flow: FrameFlow, server: UdpSocket) {
    let (mut frames, mut datagram) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        tokio::select! {
            received = flow.recv(&mut frames) => {
                if received.is_err() {
                    return;
                }
                for frame in &frames {
                    let _ = server.send(frame).await;
                }
            }
            received = server.recv(&mut datagram) => {
                if let Ok(length) = received {
                    flow.send(&datagram[..length]);
                }
            }
        }
    }
}

fn failed(reason: &dyn std::fmt::Display) -> ProviderError {
    ConnectionError::PluginFailed.because(reason.to_string())
}
