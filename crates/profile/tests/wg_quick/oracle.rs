//! The same files read by wg-quick(8) and, in a namespace of their own, by wg(8) for a running
//! wireguard-go.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{BufRead, BufReader, Write},
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use adit_model::{
    RouteTable, Secret, Secrets,
    wireguard::{Key, PRIVATE_KEY, WireGuardConfiguration},
};
use adit_profile::export_wg_quick;
use ipnet::IpNet;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::{
    generated::{Hosts, broken, changes, odd_text, profile, whims},
    import, wireguard,
};

/// As the device has them: some bits of a private key count for nothing (RFC 7748 section 5).
fn clamped(secrets: &Secrets) -> Secrets {
    let mut secrets = secrets.clone();
    if let Some(secret) = secrets.get_mut(PRIVATE_KEY) {
        let mut key = *secret.expose().parse::<Key>().unwrap().as_bytes();
        key[0] &= 0b1111_1000;
        key[31] = key[31] & 0b0111_1111 | 0b0100_0000;
        *secret = Secret::new(Key::new(key).to_string());
    }
    secrets
}

/// Answers each path on its input with what wg-quick and wg make of the file. Ends with its input.
const SCRIPT: &str = r#"
mount -t tmpfs tmpfs /run && mkdir /run/wireguard && ip link set lo up
wireguard-go -f wg0 </dev/null >/dev/null 2>&1 &
until wg show wg0 >/dev/null 2>&1; do sleep 0.05; done
source <(sed '/function override insertion point/,$d' "$(command -v wg-quick)")
set +e
each() { local key="$1" value; shift; for value; do printf '%s\t%s\n' "$key" "$value"; done; }
quick() (
    parse_options "$1"
    each Address "${ADDRESSES[@]}"
    each DNS "${DNS[@]}"
    each Search "${DNS_SEARCH[@]}"
    each MTU "$MTU"
    each Table "$TABLE"
    each SaveConfig "$SAVE_CONFIG"
    each PreUp "${PRE_UP[@]}"
    each PostUp "${POST_UP[@]}"
    each PreDown "${PRE_DOWN[@]}"
    each PostDown "${POST_DOWN[@]}"
)
outer() { wg-quick strip "$1" >/run/stripped && wg setconf wg0 /run/stripped; }
export WG_ENDPOINT_RESOLUTION_RETRIES=0
echo ready
while read -r file; do
    if quick "$file" </dev/null 2>/dev/null && outer "$file" </dev/null 2>/dev/null; then
        echo "--- wg"
        wg showconf wg0
        echo "=== accepted"
    else
        echo "=== refused"
    fi
done
"#;

/// Generous: the answer takes some 30 ms.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn wg_quick_and_wg_read_every_way_of_writing_as_we_do() {
    let Some(tools) = Tools::start() else { return };
    let cases = (profile(Hosts::Addresses), whims());
    runner(48)
        .run(&cases, |(profile, mut whims)| {
            let odd = odd_text(&profile, &mut whims);
            let exported = export_wg_quick(&profile.wireguard, &profile.secrets).unwrap();
            for text in [odd.as_str(), exported.as_str()] {
                let theirs = tools.borrow_mut().read(text.as_bytes());
                let theirs = theirs.unwrap_or_else(|| panic!("wg-quick refuses this:\n{text}"));
                theirs.assert_same(&profile.wireguard, &profile.secrets, text);
            }
            Ok(())
        })
        .unwrap();
}

/// A file may be refused by one and not by the other, but never mean two things.
#[test]
fn a_broken_file_that_both_accept_means_the_same_to_both() {
    let Some(tools) = Tools::start() else { return };
    let agreed = RefCell::new(0);
    let cases = (profile(Hosts::Addresses), whims(), changes(any::<u8>().prop_map(|b| b & 0x7f)));
    runner(128)
        .run(&cases, |(profile, mut whims, changes)| {
            let bytes = broken(&odd_text(&profile, &mut whims), &changes);
            let Ok(ours) = import(&bytes) else { return Ok(()) };
            let wireguard = wireguard(&ours);
            if !has_addresses_only(&wireguard) {
                return Ok(());
            }
            let Some(theirs) = tools.borrow_mut().read(&bytes) else { return Ok(()) };
            theirs.assert_same(&wireguard, &ours.secrets, &String::from_utf8_lossy(&bytes));
            *agreed.borrow_mut() += 1;
            Ok(())
        })
        .unwrap();
    assert!(agreed.into_inner() > 0, "no file was accepted by both");
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// What the tools made of one file.
struct Answer {
    /// wg-quick's own settings by key.
    quick: BTreeMap<String, Vec<String>>,
    /// The output of `wg showconf`.
    wg: String,
}

impl Answer {
    fn assert_same(&self, wireguard: &WireGuardConfiguration, secrets: &Secrets, text: &str) {
        self.assert_same_inside(wireguard, text);
        self.assert_same_outside(wireguard, secrets, text);
    }

    fn assert_same_inside(&self, wireguard: &WireGuardConfiguration, text: &str) {
        let addresses: Vec<IpNet> = self.values("Address").iter().map(|a| network(a)).collect();
        assert_eq!(addresses, wireguard.addresses, "{text}");
        let servers: Vec<IpAddr> =
            self.values("DNS").iter().map(|server| server.parse().unwrap()).collect();
        assert_eq!(servers, wireguard.dns_servers, "{text}");
        assert_eq!(self.values("Search"), wireguard.search_domains, "{text}");
        assert_eq!(self.single("MTU").map(|mtu| mtu.parse().unwrap()), wireguard.mtu, "{text}");
        assert_eq!(table(self.single("Table")), wireguard.table, "{text}");
        assert_eq!(self.single("SaveConfig") == Some("1"), wireguard.save_config, "{text}");
        let scripts = &wireguard.scripts;
        for (key, ours) in [
            ("PreUp", &scripts.pre_up),
            ("PostUp", &scripts.post_up),
            ("PreDown", &scripts.pre_down),
            ("PostDown", &scripts.post_down),
        ] {
            let theirs = self.values(key).iter().filter(|command| !command.is_empty());
            assert!(theirs.eq(ours), "{key} {ours:?}\n{text}");
        }
    }

    fn assert_same_outside(&self, ours: &WireGuardConfiguration, secrets: &Secrets, text: &str) {
        let shown = import(format!("{}\n[Interface]\nAddress = 10.0.0.1\n", self.wg));
        let shown = shown.unwrap_or_else(|error| panic!("{error}\n{}", self.wg));
        let theirs = wireguard(&shown);
        assert_eq!(clamped(&shown.secrets), clamped(secrets), "{text}");
        assert_eq!(theirs.fwmark, ours.fwmark, "{text}");
        // wg shows the port that the kernel chose where the file says nothing.
        if ours.listen_port.is_some() {
            assert_eq!(theirs.listen_port, ours.listen_port, "{text}");
        }
        assert_eq!(peers(&theirs), peers(ours), "{text}");
    }

    fn values(&self, key: &str) -> &[String] {
        self.quick.get(key).map_or(&[], Vec::as_slice)
    }

    fn single(&self, key: &str) -> Option<&str> {
        self.values(key).first().map(String::as_str).filter(|value| !value.is_empty())
    }
}

type Peers = BTreeMap<Key, (Option<SocketAddr>, BTreeSet<IpNet>, Option<u16>)>;

/// The peers in a form without order and without spelling.
fn peers(wireguard: &WireGuardConfiguration) -> Peers {
    let peer = |peer: &adit_model::wireguard::WireGuardPeer| {
        let endpoint = peer.endpoint.as_ref().map(|endpoint| {
            SocketAddr::new(endpoint.host.parse().expect("an address"), endpoint.port)
        });
        let networks = peer.allowed_ips.iter().copied().collect();
        (peer.public_key, (endpoint, networks, peer.persistent_keepalive))
    };
    wireguard.peers.iter().map(peer).collect()
}

/// Whether wg has no name to look up.
fn has_addresses_only(wireguard: &WireGuardConfiguration) -> bool {
    let mut endpoints = wireguard.peers.iter().filter_map(|peer| peer.endpoint.as_ref());
    endpoints.all(|endpoint| endpoint.host.parse::<IpAddr>().is_ok())
}

fn network(text: &str) -> IpNet {
    let host = || text.parse::<IpAddr>().unwrap().into();
    if text.contains('/') { text.parse().unwrap() } else { host() }
}

fn table(value: Option<&str>) -> RouteTable {
    match value.map(str::to_lowercase).as_deref() {
        None | Some("auto") => RouteTable::Auto,
        Some("off") => RouteTable::Off,
        Some("main") => RouteTable::Table(254),
        Some(number) => RouteTable::Table(number.parse().unwrap()),
    }
}

/// A shell in a network, mount and process namespace of its own, with a WireGuard interface.
struct Tools {
    shell: Child,
    input: ChildStdin,
    output: Receiver<String>,
    folder: tempfile::TempDir,
}

impl Tools {
    /// Absent, with a word about it, where the tools cannot be had; in CI they must be.
    fn start() -> Option<RefCell<Self>> {
        let needed = ["wg", "wg-quick", "wireguard-go", "unshare", "ip", "bash"];
        if let Some(tool) = needed.into_iter().find(|tool| !is_installed(tool)) {
            return skip(&format!("{tool} is not installed"));
        }
        let mut shell = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork"])
            .args(["--kill-child", "bash", "-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = shell.stdin.take().unwrap();
        let stdout = BufReader::new(shell.stdout.take().unwrap());
        let (sender, output) = channel();
        thread::spawn(move || {
            for line in stdout.split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let tools = Self { shell, input, output, folder };
        match tools.output.recv_timeout(LIMIT).as_deref() {
            Ok("ready") => Some(RefCell::new(tools)),
            Ok(_) | Err(_) => skip("a namespace with a WireGuard interface cannot be made"),
        }
    }

    /// `None`: wg-quick or wg refuses the file.
    fn read(&mut self, bytes: &[u8]) -> Option<Answer> {
        let path: PathBuf = self.folder.path().join("abc.conf");
        fs::write(&path, bytes).unwrap();
        writeln!(self.input, "{}", path.display()).unwrap();
        let mut answer = Answer { quick: BTreeMap::new(), wg: String::new() };
        let mut in_wg = false;
        loop {
            let line = self.line();
            match line.as_str() {
                "=== accepted" => return Some(answer),
                "=== refused" => return None,
                "--- wg" => in_wg = true,
                _ if in_wg => answer.wg.extend([&line, "\n"]),
                _ => {
                    let Some((key, value)) = line.split_once('\t') else { continue };
                    answer.quick.entry(key.into()).or_default().push(value.into());
                }
            }
        }
    }

    fn line(&self) -> String {
        self.output.recv_timeout(LIMIT).expect("the tools answer")
    }
}

impl Drop for Tools {
    fn drop(&mut self) {
        _ = self.shell.kill();
        _ = self.shell.wait();
    }
}

fn skip<T>(reason: &str) -> Option<T> {
    assert!(env::var_os("CI").is_none(), "{reason}");
    eprintln!("\n*** skipped: {reason}, so nothing is compared with wg-quick ***\n");
    None
}

fn is_installed(tool: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}
