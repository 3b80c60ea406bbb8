//! DNS servers (dnsmasq) with a few names, and a client that asks one server straight.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::log::lock;
use crate::machine::Machine;
use crate::process::Process;

/// How long one query may take.
const LIMIT: Duration = Duration::from_secs(2);

/// What a client asked a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// The name.
    pub name: String,
    /// The record type as dnsmasq writes it: `A`, `AAAA`, `SOA` ...
    pub kind: String,
    /// Who asked.
    pub from: IpAddr,
}

/// A DNS server on a machine. It knows its names, everything else it refuses or asks an upstream server.
#[derive(Debug)]
pub struct DnsServer {
    machine: Machine,
    process: Process,
    hosts: String,
    names: Mutex<Vec<(String, Vec<IpAddr>)>>,
    forgotten: AtomicUsize,
}

impl DnsServer {
    /// Listens on `addresses` of `machine`, port 53.
    #[track_caller]
    pub fn start(
        machine: &Machine,
        addresses: &[IpAddr],
        upstream: Option<IpAddr>,
        names: &[(&str, Vec<IpAddr>)],
    ) -> Self {
        let first = addresses.first().expect("an address to listen on");
        let hosts = format!("/run/dns/{first}");
        let names: Vec<_> =
            names.iter().map(|(name, addresses)| ((*name).to_owned(), addresses.clone())).collect();
        machine.write_file(&hosts, hosts_file(&names));

        // Without `--no-daemon` it would drop to a user that a user namespace does not have.
        let mut command = machine.command("dnsmasq");
        command.args(["--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"]);
        command.args(["--bind-dynamic", "--log-queries", &format!("--addn-hosts={hosts}")]);
        command.arg(format!("--log-facility={hosts}.log"));
        command.arg("--cache-size=0");
        command.args(addresses.iter().map(|address| format!("--listen-address={address}")));
        command.arg(match upstream {
            Some(address) => format!("--server={address}"),
            None => "--local=/test/".to_owned(),
        });
        let process = machine.spawn_command(command);
        process.wait_for_log(&format!("read {hosts}"));
        Self {
            machine: machine.clone(),
            process,
            hosts,
            names: Mutex::new(names),
            forgotten: AtomicUsize::new(0),
        }
    }

    /// The queries since the start or the last [`forget`](Self::forget), oldest first.
    #[must_use]
    #[track_caller]
    pub fn queries(&self) -> Vec<Query> {
        self.all_queries().skip(self.forgotten.load(Ordering::Relaxed)).collect()
    }

    /// Lets [`queries`](Self::queries) begin with the next one.
    #[track_caller]
    pub fn forget(&self) {
        self.forgotten.store(self.all_queries().count(), Ordering::Relaxed);
    }

    /// Changes the addresses of a name; none removes it.
    #[track_caller]
    pub fn set(&self, name: &str, addresses: &[IpAddr]) {
        let mut names = lock(&self.names);
        names.retain(|(known, _)| known != name);
        names.push((name.to_owned(), addresses.to_vec()));
        self.machine.write_file(&self.hosts, hosts_file(&names));
        let read = |log: &str| log.matches(&format!("read {}", self.hosts)).count();
        let before = read(&self.process.log());
        self.process.signal(Signal::HUP);
        self.process.wait_for("read its names again", |log| read(log) > before);
    }

    /// From its file, which a query is in before it is answered.
    #[track_caller]
    fn all_queries(&self) -> impl Iterator<Item = Query> + use<> {
        let log = self.machine.read_file(format!("{}.log", self.hosts));
        let queries: Vec<_> = log.lines().filter_map(query).collect();
        queries.into_iter()
    }
}

/// A kind of DNS record (RFC 1035, RFC 3596).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryType {
    /// An IPv4 address.
    A = 1,
    /// An IPv6 address.
    Aaaa = 28,
}

impl Machine {
    /// Asks `server` over UDP, past whatever the machine has configured. No address means no such record.
    ///
    /// # Errors
    /// When the server is not reached, does not answer within two seconds, or answers nonsense.
    #[track_caller]
    pub fn ask_dns(
        &self,
        server: impl Into<IpAddr>,
        name: &str,
        kind: QueryType,
    ) -> io::Result<Vec<IpAddr>> {
        let server = SocketAddr::new(server.into(), 53);
        let answer = self.enter(|| ask(server, &question(name, kind)))?;
        records(&answer, kind)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a malformed DNS answer"))
    }
}

fn hosts_file(names: &[(String, Vec<IpAddr>)]) -> String {
    let mut text = String::new();
    for (name, addresses) in names {
        for address in addresses {
            _ = writeln!(text, "{address} {name}");
        }
    }
    text
}

/// `dnsmasq: query[A] site.test from 10.20.0.2`
fn query(line: &str) -> Option<Query> {
    let (_, rest) = line.split_once("query[")?;
    let (kind, rest) = rest.split_once("] ")?;
    let (name, from) = rest.split_once(" from ")?;
    Some(Query { name: name.to_owned(), kind: kind.to_owned(), from: from.trim().parse().ok()? })
}

fn ask(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(LIMIT))?;
    socket.send(question)?;
    let mut answer = vec![0; 1500];
    let length = socket.recv(&mut answer)?;
    answer.truncate(length);
    Ok(answer)
}

/// One question with recursion desired. The socket is connected and used once, so any id will do.
fn question(name: &str, kind: QueryType) -> Vec<u8> {
    let mut message = vec![0xad, 0x17, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.trim_end_matches('.').split('.') {
        message.push(u8::try_from(label.len()).expect("a label of at most 63 bytes"));
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0, 0, kind as u8, 0, 1]);
    message
}

/// The addresses in an answer to one question; `None` for a malformed one.
fn records(message: &[u8], kind: QueryType) -> Option<Vec<IpAddr>> {
    let short = |at: usize| Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?));
    let mut at = after_name(message, 12)? + 4;
    let mut addresses = Vec::new();
    for _ in 0..short(6)? {
        at = after_name(message, at)?;
        let length = usize::from(short(at + 8)?);
        let data = message.get(at + 10..at + 10 + length)?;
        if short(at)? == kind as u16 {
            addresses.push(match kind {
                QueryType::A => IpAddr::from(<[u8; 4]>::try_from(data).ok()?),
                QueryType::Aaaa => IpAddr::from(<[u8; 16]>::try_from(data).ok()?),
            });
        }
        at += 10 + length;
    }
    Some(addresses)
}

/// Skips a name: labels up to an empty one or a pointer (RFC 1035 section 4.1.4).
fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            0xc0.. => return Some(at + 2),
            length => at += usize::from(length) + 1,
        }
    }
}
