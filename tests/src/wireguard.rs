//! A VPN server on a machine: the real `wireguard-go` or our own engine, a way out to the internet, and a DNS server
//! inside.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::address::{self, Host};
use crate::dns::DnsServer;
use crate::installation::program;
use crate::log::lock;
use crate::machine::Machine;
use crate::peer::{Peer, PeerOptions};
use crate::process::Process;
use crate::requirements::tool;

/// What `interface` of the server is called.
const INTERFACE: &str = "wg0";
const CONF: &str = "/run/wireguard/wg0.conf";

/// A running WireGuard server. Its clients reach the internet under the server's own addresses.
#[derive(Debug)]
pub struct WireGuardServer {
    machine: Machine,
    options: ServerOptions,
    // Changes with `move_to`.
    outer: Host,
    private_key: String,
    public_key: String,
    peers: Mutex<Vec<Peer>>,
    process: Option<Process>,
    dns: Option<DnsServer>,
}

/// How a [`WireGuardServer`] is to be; see [`WireGuardServer::build`].
#[derive(Debug, Clone)]
pub struct ServerOptions {
    machine: Machine,
    port: u16,
    ipv6: bool,
    program: ServerProgram,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ServerProgram {
    /// Stays in the foreground and is configured with `wg`.
    WireguardGo {
        command: String,
    },
    AditGateway,
}

impl ServerOptions {
    /// Runs on Adit's own engine in place of `wireguard-go`. What [`has_handshake`](WireGuardServer::has_handshake) and
    /// its like ask of `wg` cannot be asked then.
    #[must_use]
    pub fn on_adit(mut self) -> Self {
        self.program = ServerProgram::AditGateway;
        self
    }

    /// Runs on another program that is configured like `wireguard-go`. In its command line, which keeps it in the
    /// foreground, `{iface}` stands for the interface's name.
    #[must_use]
    pub fn on(mut self, command: &str) -> Self {
        self.program =
            ServerProgram::WireguardGo { command: command.replace("{iface}", INTERFACE) };
        self
    }

    /// Listens on another port than 51820.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// No IPv6 inside the tunnel.
    #[must_use]
    pub fn ipv4_only(mut self) -> Self {
        self.ipv6 = false;
        self
    }

    /// Starts the server.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> WireGuardServer {
        let private_key = wg("genkey", "");
        let mut server = WireGuardServer {
            machine: self.machine.clone(),
            outer: self.machine.host(),
            public_key: wg("pubkey", &private_key),
            private_key,
            peers: Mutex::default(),
            process: None,
            dns: None,
            options: self,
        };
        server.translate_addresses();
        server.restart();
        server
    }
}

impl WireGuardServer {
    /// A server on port 51820 with IPv4 and IPv6 inside.
    #[must_use]
    #[track_caller]
    pub fn start(machine: &Machine) -> Self {
        Self::build(machine).start()
    }

    /// As [`start`](Self::start), with options.
    #[must_use]
    pub fn build(machine: &Machine) -> ServerOptions {
        let command = format!("wireguard-go --foreground {INTERFACE}");
        let program = ServerProgram::WireguardGo { command };
        ServerOptions { machine: machine.clone(), port: 51820, ipv6: true, program }
    }

    /// Lets a client in that sends everything through the tunnel.
    #[track_caller]
    pub fn add_peer(&self) -> Peer {
        self.peer().add()
    }

    /// Lets a client in, with options.
    #[track_caller]
    pub fn peer(&self) -> PeerOptions<'_> {
        let number = 2 + u8::try_from(lock(&self.peers).len()).expect("at most 253 peers");
        let ipv6 = self.options.ipv6.then(|| self.inner_address_v6(number));
        PeerOptions::new(self, self.inner_address(number), ipv6)
    }

    /// Lets this client in from now on.
    #[track_caller]
    pub(crate) fn admit(&self, peer: Peer) {
        lock(&self.peers).push(peer);
        self.configure();
    }

    /// Where clients reach it over IPv4.
    #[must_use]
    pub fn endpoint(&self) -> SocketAddr {
        SocketAddr::new(self.outer_ipv4(), self.options.port)
    }

    /// Where clients reach it over IPv6.
    #[must_use]
    pub fn endpoint_v6(&self) -> SocketAddr {
        SocketAddr::new(self.outer_ipv6(), self.options.port)
    }

    /// As whom the internet sees its clients over IPv4.
    #[must_use]
    pub fn outer_ipv4(&self) -> IpAddr {
        self.outer.v4.into()
    }

    /// As whom the internet sees its clients over IPv6.
    #[must_use]
    pub fn outer_ipv6(&self) -> IpAddr {
        self.outer.v6.into()
    }

    /// Its own address inside the tunnel, which is also the DNS server's and `inside.corp.test`'s.
    #[must_use]
    pub fn inner_ipv4(&self) -> Ipv4Addr {
        self.inner_address(1)
    }

    /// Its own IPv6 address inside the tunnel.
    #[must_use]
    pub fn inner_ipv6(&self) -> Ipv6Addr {
        self.inner_address_v6(1)
    }

    /// Its public key, in base64.
    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The DNS server inside: it knows `inside.corp.test` and asks the public server for the rest.
    #[must_use]
    #[track_caller]
    pub fn dns(&self) -> &DnsServer {
        self.dns.as_ref().expect("the server is running")
    }

    /// Ends the server; its port answers with ICMP from then on.
    pub fn stop(&mut self) {
        self.dns = None;
        self.process = None;
    }

    /// Starts it again, with the same keys and peers; also when it is running.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        self.machine.write_file(CONF, self.conf());
        self.process = Some(match &self.options.program {
            ServerProgram::WireguardGo { command } => {
                let process = self.machine.spawn(command.split_whitespace());
                self.wait_for_interface(&process);
                process
            }
            ServerProgram::AditGateway => {
                let gateway = program("adit-gateway").display().to_string();
                let process = self.machine.spawn([gateway.as_str(), INTERFACE, CONF]);
                process.wait_for_log("ready");
                process
            }
        });
        let mut script = format!(
            "ip address add {}/24 dev {INTERFACE}
             ip link set {INTERFACE} mtu 1420 up
             ",
            self.inner_ipv4()
        );
        let mut addresses = vec![IpAddr::V4(self.inner_ipv4())];
        if self.options.ipv6 {
            _ = write!(script, "ip address add {}/64 dev {INTERFACE} nodad", self.inner_ipv6());
            addresses.push(self.inner_ipv6().into());
        }
        self.machine.sh(&script);
        self.configure();
        let names = [("inside.corp.test", addresses.clone())];
        let upstream = address::DNS.v4.into();
        self.dns = Some(DnsServer::start(&self.machine, &addresses, Some(upstream), &names));
    }

    /// Listens on another port from now on.
    #[track_caller]
    pub fn set_port(&mut self, port: u16) {
        self.options.port = port;
        self.configure();
    }

    /// Replaces the machine's outer IPv4 address by another one of the same /24.
    #[track_caller]
    pub fn move_to(&mut self, address: Ipv4Addr) {
        let old = std::mem::replace(&mut self.outer.v4, address);
        let gateway = self.outer.gateway().v4;
        self.machine.sh(&format!(
            "ip address del {old}/24 dev eth0
             ip address add {address}/24 dev eth0
             ip route replace default via {gateway} dev eth0 proto dhcp metric 100"
        ));
    }

    /// Drops what arrives for its port, as a dead server or a firewall on the way would.
    #[track_caller]
    pub fn block(&self) {
        let port = self.options.port;
        self.machine.sh(&format!(
            "nft add table inet block
             nft 'add chain inet block in {{ type filter hook input priority 0; }}'
             nft add rule inet block in udp dport {port} drop"
        ));
    }

    /// Ends [`block`](Self::block).
    #[track_caller]
    pub fn unblock(&self) {
        self.machine.sh("nft delete table inet block");
    }

    /// Whether the client has ever completed a handshake since the server started.
    #[must_use]
    #[track_caller]
    pub fn has_handshake(&self, peer: &Peer) -> bool {
        self.show("latest-handshakes", peer).is_some_and(|time| time != "0")
    }

    /// Bytes received from and sent to the client since the server started.
    #[must_use]
    #[track_caller]
    pub fn transfer(&self, peer: &Peer) -> (u64, u64) {
        let shown = self.show("transfer", peer).unwrap_or_default();
        let mut bytes = shown.split_whitespace().map(|word| word.parse().expect("a number"));
        (bytes.next().unwrap_or_default(), bytes.next().unwrap_or_default())
    }

    /// From where the client was last heard.
    #[must_use]
    #[track_caller]
    pub fn client_endpoint(&self, peer: &Peer) -> Option<SocketAddr> {
        self.show("endpoints", peer)?.parse().ok()
    }

    /// The peer's line of `wg show`, after its key.
    #[track_caller]
    fn show(&self, what: &str, peer: &Peer) -> Option<String> {
        let shown = self.machine.run(["wg", "show", INTERFACE, what]);
        let line = shown.lines().find_map(|line| line.strip_prefix(&peer.public_key))?;
        Some(line.trim().to_owned())
    }

    /// Servers on different machines have different networks inside: 10.64.0.0/24, 10.65.0.0/24.
    fn network(&self) -> u8 {
        64 + u8::from(self.machine.host() == address::SERVER2)
    }

    fn inner_address(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, self.network(), 0, number)
    }

    fn inner_address_v6(&self, number: u8) -> Ipv6Addr {
        Ipv6Addr::new(0xfd64, 0, u16::from(self.network()), 0, 0, 0, 0, number.into())
    }

    #[track_caller]
    fn translate_addresses(&self) {
        self.machine.sh(
            "echo 1 | tee /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding
             nft add table inet clients
             nft 'add chain inet clients out { type nat hook postrouting priority srcnat; }'
             nft add rule inet clients out iifname wg0 oifname eth0 masquerade",
        );
    }

    /// Not with `wg`, which deletes a socket that is bound and not yet listening.
    #[track_caller]
    fn wait_for_interface(&self, process: &Process) {
        let socket = format!("/run/wireguard/{INTERFACE}.sock");
        let end = Instant::now() + Duration::from_secs(10);
        while self.machine.enter(|| UnixStream::connect(&socket)).is_err() {
            let waiting = process.is_running() && Instant::now() < end;
            assert!(waiting, "the server does not start:\n{}", process.log());
            thread::sleep(Duration::from_millis(2));
        }
    }

    #[track_caller]
    fn configure(&self) {
        self.machine.write_file(CONF, self.conf());
        let mut script = String::new();
        match (&self.options.program, &self.process) {
            (ServerProgram::WireguardGo { .. }, _) => {
                _ = writeln!(script, "wg syncconf {INTERFACE} {CONF}");
            }
            (ServerProgram::AditGateway, Some(process)) => process.signal(Signal::HUP),
            (ServerProgram::AditGateway, None) => {}
        }
        // Also a client that has its addresses from another server.
        for address in lock(&self.peers).iter().flat_map(Peer::addresses) {
            _ = writeln!(script, "ip route replace {address} dev {INTERFACE}");
        }
        self.machine.sh(&script);
    }

    fn conf(&self) -> String {
        let mut text = format!(
            "[Interface]\nPrivateKey = {}\nListenPort = {}\n",
            self.private_key, self.options.port
        );
        if self.options.program == ServerProgram::AditGateway {
            // A file of wg-quick has addresses, and one of `wg` must not.
            _ = writeln!(text, "Address = {}/24", self.inner_ipv4());
        }
        for peer in lock(&self.peers).iter() {
            _ = writeln!(
                text,
                "[Peer]\nPublicKey = {}\nAllowedIPs = {}",
                peer.public_key,
                peer.prefixes()
            );
            if let Some(key) = &peer.preshared_key {
                _ = writeln!(text, "PresharedKey = {key}");
            }
        }
        text
    }
}

/// Makes a key with `wg`.
#[track_caller]
pub(crate) fn wg(verb: &str, input: &str) -> String {
    use std::io::Write as _;

    let mut command = tool("wg");
    command.arg(verb).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("wg is installed");
    let mut stdin = child.stdin.take().expect("piped above");
    // `wg genkey` reads nothing and may have ended already.
    _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("our own child");
    assert!(output.status.success(), "wg {verb}: {}", output.status);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
