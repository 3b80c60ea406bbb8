//! The helper as the provider sees it.

use std::{
    collections::HashMap,
    net::{IpAddr, UdpSocket},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::{UnixDatagram, UnixListener, UnixStream},
    },
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use adit_model::{
    DisconnectError, NetworkPath, PacketTunnelNetworkSettings, Secrets, VpnConfiguration,
};
use adit_provider::{VirtualInterface, protocol as wire};
use adit_varlink::{Client, Empty, Router, ServiceInfo, serve_stream};
use tokio::sync::mpsc;

use crate::{CLIENT_KEY, LIMIT, online, plain_tun, secrets};

/// The test in the helper's place.
pub(crate) struct Helper {
    pub(crate) provider: Client,
    said: mpsc::UnboundedReceiver<Said>,
    child: Child,
}

/// What the provider told the helper.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    Settings(Box<PacketTunnelNetworkSettings>),
    Started(Option<DisconnectError>),
    Reasserting(bool),
    Canceled(Option<DisconnectError>),
}

#[derive(Clone)]
struct Hosting {
    said: mpsc::UnboundedSender<Said>,
    names: Arc<HashMap<String, Vec<IpAddr>>>,
}

impl Helper {
    pub(crate) fn new(names: &[(&str, &[&str])]) -> Self {
        let (host, host_end) = UnixStream::pair().unwrap();
        let (child, provider) = start_program(host_end, None);
        Self::attend(child, Client::from_stream(tokio_stream(provider)), host, names)
    }

    pub(crate) fn attend(
        child: Child,
        provider: Client,
        host: UnixStream,
        names: &[(&str, &[&str])],
    ) -> Self {
        let (sender, said) = mpsc::unbounded_channel();
        let address = |text: &&str| text.parse().unwrap();
        let names = names
            .iter()
            .map(|(name, addresses)| ((*name).into(), addresses.iter().map(address).collect()));
        let hosting = Hosting { said: sender, names: Arc::new(names.collect()) };
        tokio::spawn(serve_stream(Arc::new(hosting_router()), hosting, tokio_stream(host)));
        Self { provider, said, child }
    }

    /// Begins a session; the system's end of its TUN device.
    pub(crate) async fn start(
        &mut self,
        configuration: &VpnConfiguration,
        secrets: &Secrets,
    ) -> UnixDatagram {
        self.start_on(online(), configuration, secrets).await
    }

    pub(crate) async fn start_on(
        &mut self,
        path: NetworkPath,
        configuration: &VpnConfiguration,
        secrets: &Secrets,
    ) -> UnixDatagram {
        let (system, device) = UnixDatagram::pair().unwrap();
        system.set_read_timeout(Some(LIMIT)).unwrap();
        let start = start_call(path, configuration, secrets);
        self.provider.call_with_fds(&start, &[device.as_fd()]).await.unwrap();
        system
    }

    /// The machine has another way out.
    pub(crate) async fn go(&mut self, path: NetworkPath) {
        self.provider.call(&wire::PathChanged { path }).await.unwrap();
    }

    pub(crate) async fn change(&mut self, configuration: &VpnConfiguration) -> bool {
        let (configuration, secrets) = (configuration.clone(), secrets(CLIENT_KEY));
        let call = wire::ConfigurationChanged { configuration, secrets };
        self.provider.call(&call).await.unwrap().applied
    }

    pub(crate) async fn next(&mut self) -> Said {
        let said = tokio::time::timeout(LIMIT, self.said.recv()).await;
        said.expect("the provider says something in time").expect("the provider lives")
    }

    /// Lets go of the provider; whether it ends well.
    pub(crate) async fn ends(mut self) -> bool {
        let (other, _) = UnixStream::pair().unwrap();
        self.provider = Client::from_stream(tokio_stream(other));
        for _ in 0..LIMIT.as_millis() / 10 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The provider, and the helper's end of the connection on which it is called.
pub(crate) fn start_program(
    host_end: UnixStream,
    listener: Option<UnixListener>,
) -> (Child, UnixStream) {
    let (provider, provider_end) = UnixStream::pair().unwrap();
    // Standard input, output and error become the descriptors 3, 4 and 5.
    let script = match &listener {
        Some(_) => "exec \"$0\" 3<&0 4>&1 5>&2 0</dev/null 1>/dev/null 2>/dev/null",
        None => "exec \"$0\" 3<&0 4>&1 0</dev/null 1>&2",
    };
    let child = Command::new("sh")
        .args(["-c", script])
        .arg(env!("CARGO_BIN_EXE_adit-wireguard"))
        .stdin(Stdio::from(OwnedFd::from(provider_end)))
        .stdout(Stdio::from(OwnedFd::from(host_end)))
        .stderr(listener.map_or_else(Stdio::inherit, |listener| OwnedFd::from(listener).into()))
        .spawn()
        .unwrap();
    (child, provider)
}

pub(crate) fn start_call(
    path: NetworkPath,
    configuration: &VpnConfiguration,
    secrets: &Secrets,
) -> wire::Start {
    wire::Start {
        configuration: configuration.clone(),
        secrets: secrets.clone(),
        options: None,
        interface: Some(VirtualInterface { name: "adit0".into(), index: 7 }),
        tun: Some(plain_tun()),
        path,
    }
}

fn hosting_router() -> Router<Hosting, ()> {
    let info = ServiceInfo {
        vendor: "Adit".into(),
        product: "test".into(),
        version: "1".into(),
        url: String::new(),
    };
    Router::unrestricted(info)
        .on((), |hosting: Hosting, _, call: wire::SetTunnelNetworkSettings| async move {
            hosting.say(Said::Settings(Box::new(call.settings.unwrap())));
            Ok(wire::SettingsApplied::default())
        })
        .on((), |hosting: Hosting, _, call: wire::StartCompleted| async move {
            Ok(hosting.say(Said::Started(call.error)))
        })
        .on((), |hosting: Hosting, _, call: wire::SetReasserting| async move {
            Ok(hosting.say(Said::Reasserting(call.reasserting)))
        })
        .on((), |hosting: Hosting, _, call: wire::Cancel| async move {
            Ok(hosting.say(Said::Canceled(call.error)))
        })
        .on((), |hosting: Hosting, _, call: wire::Resolve| async move {
            let addresses = hosting.names.get(&call.host).cloned().ok_or_else(|| {
                let message = "There is no such name.".into();
                wire::HostCallError::ResolutionFailed { host: call.host, message }
            })?;
            Ok(wire::Resolved { addresses })
        })
        .on_fds((), |_: Hosting, _, call: wire::OpenUdp, _| async move {
            if call.family == Some(wire::Family::Ipv6) {
                let message = "There is no IPv6.".into();
                return Err(wire::HostCallError::SocketRefused { message });
            }
            let socket = UdpSocket::bind(("127.0.0.1", call.local_port.unwrap())).unwrap();
            Ok((wire::OpenedSocket { fd_index: 0 }, vec![socket.into()]))
        })
}

impl Hosting {
    fn say(&self, said: Said) -> Empty {
        self.said.send(said).unwrap();
        Empty {}
    }
}

pub(crate) fn tokio_stream(stream: UnixStream) -> tokio::net::UnixStream {
    stream.set_nonblocking(true).unwrap();
    tokio::net::UnixStream::from_std(stream).unwrap()
}
