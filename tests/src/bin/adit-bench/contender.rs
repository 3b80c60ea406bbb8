//! Who is measured: Adit, other programs, and the network without any tunnel.

use std::net::IpAddr;
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use adit_tests::usage::children;
use adit_tests::{Adit, Lab, Peer, Process, WireGuardServer};

pub(crate) const ADIT: &str = "adit";
const NO_TUNNEL: &str = "no tunnel";
const INTERFACE: &str = "bench0";
const CONF: &str = "/run/bench.conf";

/// Programs that are measured where they are installed, as [`Program`] has them.
const KNOWN: [(&str, &str); 3] = [
    ("wireguard-go", "wireguard-go -f {iface}"),
    ("boringtun", "boringtun-cli -f --disable-drop-privileges {iface}"),
    ("gotatun", "gotatun -f --disable-drop-privileges {iface}"),
];

/// A program that is configured with `wg`. In its command line, which keeps it in the foreground, `{iface}` stands for
/// the interface's name.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) command: String,
}

/// One column of the table.
#[derive(Debug, Clone)]
pub(crate) enum Contender {
    NoTunnel,
    Adit,
    Program(Program),
}

/// A contender at work.
pub(crate) struct Client {
    /// Where the far end is reached through it.
    pub(crate) target: IpAddr,
    /// What the packets leave through.
    pub(crate) interface: String,
    /// The process that carries them; none without a tunnel.
    pub(crate) pid: Option<u32>,
    /// Ends with this.
    _running: Running,
}

#[expect(dead_code, reason = "held for its end")]
enum Running {
    Nothing,
    Adit(Box<Adit>),
    Program(Process),
}

impl FromStr for Program {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, command) = text.split_once('=').ok_or("NAME=COMMAND is expected")?;
        if !command.contains("{iface}") {
            return Err("the command needs {iface} where the interface's name belongs");
        }
        Ok(Self { name: name.trim().to_owned(), command: command.trim().to_owned() })
    }
}

impl Contender {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::NoTunnel => NO_TUNNEL,
            Self::Adit => ADIT,
            Self::Program(program) => &program.name,
        }
    }

    /// Adit first, what is known and installed, what was named, and the network itself.
    pub(crate) fn all(named: &[Program]) -> Vec<Self> {
        let mut programs: Vec<Program> = KNOWN
            .into_iter()
            .map(|(name, command)| Program { name: name.into(), command: command.into() })
            .filter(|known| named.iter().all(|program| program.name != known.name))
            .filter(Program::is_installed)
            .collect();
        programs.extend_from_slice(named);
        let mut all = vec![Self::Adit];
        all.extend(programs.into_iter().map(Self::Program));
        all.push(Self::NoTunnel);
        all
    }

    /// Starts it on the client, towards a server of its own. `None` if nothing comes through.
    pub(crate) fn start(&self, lab: &Lab, server: &WireGuardServer) -> Option<Client> {
        let peer = server.peer().ipv4_only().no_dns().allowed_ips("10.64.0.0/24").add();
        let client = match self {
            Self::NoTunnel => Client {
                target: server.outer_ipv4(),
                interface: "eth0".into(),
                pid: None,
                _running: Running::Nothing,
            },
            Self::Adit => Client::start_adit(lab, &peer, server),
            Self::Program(program) => Client::start_program(lab, &peer, server, program),
        };
        let target = client.target.to_string();
        let answers = || lab.client.try_run(["ping", "-n", "-q", "-c", "1", "-W", "1", &target]);
        (0..10).any(|_| answers().status.success()).then_some(client)
    }
}

impl Client {
    fn start_adit(lab: &Lab, peer: &Peer, server: &WireGuardServer) -> Self {
        let adit = Adit::start(&lab.client);
        adit.import("bench", &peer.conf());
        adit.connect("bench");
        let target = IpAddr::V4(server.inner_ipv4());
        let route = lab.client.run(["ip", "route", "get", &target.to_string()]);
        let interface = route.split_whitespace().skip_while(|word| *word != "dev").nth(1);
        Self {
            target,
            interface: interface.unwrap_or_default().to_owned(),
            pid: children(adit.helper().pid()).first().copied(),
            _running: Running::Adit(Box::new(adit)),
        }
    }

    fn start_program(lab: &Lab, peer: &Peer, server: &WireGuardServer, program: &Program) -> Self {
        let command = program.command.replace("{iface}", INTERFACE);
        let process = lab.client.spawn(command.split_whitespace());
        let key = &peer.private_key;
        let conf = format!("[Interface]\nPrivateKey = {key}\n{}", peer.peer_section());
        lab.client.write_file(CONF, conf);
        let target = IpAddr::V4(server.inner_ipv4());
        let script = format!(
            "wg setconf {INTERFACE} {CONF}
             ip address add {} dev {INTERFACE}
             ip link set {INTERFACE} mtu 1420 up
             ip route add {target}/32 dev {INTERFACE}",
            peer.ipv4
        );
        let socket = format!("/run/wireguard/{INTERFACE}.sock");
        let limit = Instant::now() + Duration::from_secs(10);
        while !lab.client.has_file(&socket) && Instant::now() < limit {
            sleep(Duration::from_millis(20));
        }
        // `wg` deletes a socket that is bound and not yet listening.
        sleep(Duration::from_millis(200));
        lab.client.try_run(["sh", "-euc", &script]);
        Self {
            target,
            interface: INTERFACE.into(),
            pid: Some(process.pid()),
            _running: Running::Program(process),
        }
    }
}

impl Program {
    fn is_installed(&self) -> bool {
        let Some(program) = self.command.split_whitespace().next() else { return false };
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
    }
}
