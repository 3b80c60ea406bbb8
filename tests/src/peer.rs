//! Clients of a VPN server, and the configuration that a person would get for one.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wireguard::{WireGuardServer, wg};

/// How a client of a [`WireGuardServer`] is to be; see [`WireGuardServer::peer`].
#[derive(Debug)]
#[must_use]
pub struct PeerOptions<'a> {
    server: &'a WireGuardServer,
    peer: Peer,
}

impl<'a> PeerOptions<'a> {
    #[track_caller]
    pub(crate) fn new(server: &'a WireGuardServer, ipv4: Ipv4Addr, ipv6: Option<Ipv6Addr>) -> Self {
        let everything = if ipv6.is_some() { "0.0.0.0/0, ::/0" } else { "0.0.0.0/0" };
        let peer = Peer {
            private_key: wg("genkey", ""),
            public_key: String::new(),
            preshared_key: None,
            server_key: server.public_key().to_owned(),
            ipv4,
            ipv6,
            dns: Some(server.inner_ipv4()),
            endpoint: server.endpoint().to_string(),
            allowed_ips: everything.to_owned(),
            keepalive: None,
        };
        Self { server, peer }
    }

    /// The client that another server knows: same key, same addresses.
    pub fn same_client(mut self, other: &Peer) -> Self {
        self.peer.private_key.clone_from(&other.private_key);
        self.peer.ipv4 = other.ipv4;
        self.peer.ipv6 = other.ipv6;
        self
    }

    /// With a preshared key.
    #[track_caller]
    pub fn preshared_key(mut self) -> Self {
        self.peer.preshared_key = Some(wg("genpsk", ""));
        self
    }

    /// No IPv6 for this client, although the server has it.
    pub fn ipv4_only(mut self) -> Self {
        self.peer.ipv6 = None;
        "0.0.0.0/0".clone_into(&mut self.peer.allowed_ips);
        self
    }

    /// Reaches the server by another text, such as `vpn.test:51820` or `[2001:db8:51::10]:51820`.
    pub fn endpoint(mut self, endpoint: &str) -> Self {
        endpoint.clone_into(&mut self.peer.endpoint);
        self
    }

    /// What the client sends through the tunnel, instead of everything.
    pub fn allowed_ips(mut self, prefixes: &str) -> Self {
        prefixes.clone_into(&mut self.peer.allowed_ips);
        self
    }

    /// The client sends at least every so many seconds.
    pub fn keepalive(mut self, seconds: u16) -> Self {
        self.peer.keepalive = Some(seconds);
        self
    }

    /// The client gets no DNS server.
    pub fn no_dns(mut self) -> Self {
        self.peer.dns = None;
        self
    }

    /// Tells the server.
    #[track_caller]
    pub fn add(mut self) -> Peer {
        self.peer.public_key = wg("pubkey", &self.peer.private_key);
        self.server.admit(self.peer.clone());
        self.peer
    }
}

/// A client that a server knows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Peer {
    /// In base64.
    pub private_key: String,
    /// In base64.
    pub public_key: String,
    /// In base64.
    pub preshared_key: Option<String>,
    /// The server's public key, in base64.
    pub server_key: String,
    /// Its address inside the tunnel.
    pub ipv4: Ipv4Addr,
    /// Its IPv6 address inside the tunnel.
    pub ipv6: Option<Ipv6Addr>,
    /// The DNS server it is to use.
    pub dns: Option<Ipv4Addr>,
    /// Where it reaches the server.
    pub endpoint: String,
    /// What it sends through the tunnel.
    pub allowed_ips: String,
    /// In seconds.
    pub keepalive: Option<u16>,
}

impl Peer {
    /// The client's configuration, in the format of wg-quick(8).
    #[must_use]
    pub fn conf(&self) -> String {
        format!("{}\n{}", self.interface_section(), self.peer_section())
    }

    /// The `[Interface]` part of [`conf`](Self::conf).
    #[must_use]
    pub fn interface_section(&self) -> String {
        let mut text = format!(
            "[Interface]\nPrivateKey = {}\nAddress = {}\n",
            self.private_key,
            self.prefixes()
        );
        if let Some(dns) = self.dns {
            _ = writeln!(text, "DNS = {dns}");
        }
        text
    }

    /// The `[Peer]` part of [`conf`](Self::conf), to be put below the configuration of another server.
    #[must_use]
    pub fn peer_section(&self) -> String {
        let Self { server_key, endpoint, allowed_ips, .. } = self;
        let mut text = format!(
            "[Peer]\nPublicKey = {server_key}\nEndpoint = {endpoint}\nAllowedIPs = {allowed_ips}\n"
        );
        if let Some(key) = &self.preshared_key {
            _ = writeln!(text, "PresharedKey = {key}");
        }
        if let Some(seconds) = self.keepalive {
            _ = writeln!(text, "PersistentKeepalive = {seconds}");
        }
        text
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<> {
        [Some(self.ipv4.into()), self.ipv6.map(IpAddr::from)].into_iter().flatten()
    }

    /// [`addresses`](Self::addresses) as WireGuard's files have them.
    pub(crate) fn prefixes(&self) -> String {
        let v6 = self.ipv6.map_or(String::new(), |address| format!(", {address}/128"));
        format!("{}/32{v6}", self.ipv4)
    }
}
