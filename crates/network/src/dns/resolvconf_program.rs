//! The program resolvconf(8): openresolv's, or Debian's own.

use std::{io, path::PathBuf, process::Stdio, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use super::{DnsError, ServerList, UnderlyingDns};

/// The program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResolvconfProgram {
    path: PathBuf,
    dialect: Dialect,
}

/// Whose program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Dialect {
    /// Knows records that exclude all others.
    Openresolv,
    /// Knows only an order, in which records named `tun…` come before those of other interfaces.
    Debian,
}

/// One record for all sessions. Both dialects know by the name that it is a tunnel's.
const RECORD: &str = "tun.adit";
/// Where the program is, as a package installs it. `PATH` is not asked: it runs as root.
pub(super) const SEARCH_PATH: [&str; 4] = ["/sbin", "/usr/sbin", "/bin", "/usr/bin"];
/// It runs scripts of other packages, and waits for a lock.
const TIMEOUT: Duration = Duration::from_secs(15);

impl ResolvconfProgram {
    pub(super) fn new(path: PathBuf, dialect: Dialect) -> Self {
        Self { path, dialect }
    }

    /// Whether the network's servers are never asked while ours are there.
    pub(super) fn is_exclusive(&self) -> bool {
        match self.dialect {
            Dialect::Openresolv => true,
            Dialect::Debian => false,
        }
    }

    /// Adds or replaces our record.
    pub(super) async fn add(&self, list: &ServerList) -> Result<(), DnsError> {
        let arguments: &[&str] = match self.dialect {
            Dialect::Openresolv => &["-x", "-m", "0", "-a", RECORD],
            Dialect::Debian => &["-a", RECORD],
        };
        self.run(arguments, &(list.lines().join("\n") + "\n")).await.map(drop)
    }

    /// Has it write `/etc/resolv.conf` again, which it does not do by itself for an unchanged record.
    pub(super) async fn update(&self) -> Result<(), DnsError> {
        self.run(&["-u"], "").await.map(drop)
    }

    /// Removes our record, if there is one.
    pub(super) async fn delete(&self) -> Result<(), DnsError> {
        let arguments: &[&str] = match self.dialect {
            Dialect::Openresolv => &["-f", "-d", RECORD],
            Dialect::Debian => &["-d", RECORD],
        };
        self.run(arguments, "").await.map(drop)
    }

    /// What everybody else's records say.
    pub(super) async fn underlying(&self) -> Result<UnderlyingDns, DnsError> {
        // Each record follows a line that names it.
        let records = self.run(&["-l"], "").await?;
        let others = records
            .split("# resolv.conf from ")
            .filter(|record| record.split_whitespace().next().is_some_and(|name| name != RECORD));
        Ok(others.map(UnderlyingDns::of).fold(UnderlyingDns::default(), UnderlyingDns::and))
    }

    /// Whether this is what it makes of our record.
    pub(super) fn has_made(&self, resolv_conf: &str, list: &ServerList) -> bool {
        match self.dialect {
            Dialect::Openresolv => list.answers_all_of(resolv_conf),
            Dialect::Debian => list.comes_first_in(resolv_conf),
        }
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Result<String, DnsError> {
        let failed = |reason| DnsError::Program { path: self.path.display().to_string(), reason };
        match timeout(TIMEOUT, self.output(arguments, input)).await {
            Ok(output) => output.map_err(failed),
            Err(_) => Err(failed(io::ErrorKind::TimedOut.into())),
        }
    }

    /// What it writes, if it succeeds.
    async fn output(&self, arguments: &[&str], input: &str) -> io::Result<String> {
        let mut child = Command::new(&self.path)
            .args(arguments)
            .current_dir("/")
            .env_clear()
            .env("PATH", SEARCH_PATH.join(":"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            match stdin.write_all(input.as_bytes()).await {
                // It need not read what it does not want.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
                _ => {}
            }
        }
        let output = child.wait_with_output().await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or("it does not say why").to_owned();
        Err(io::Error::other(said))
    }
}
