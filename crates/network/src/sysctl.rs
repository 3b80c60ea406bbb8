//! Kernel settings below `/proc/sys`.

use std::{fmt, fs, io, path::PathBuf};

use adit_model::{HealthCode, HealthItem, Severity};

use crate::{
    error::NetworkError,
    health,
    journal::{Journal, SysctlChange},
};

/// A kernel setting with the value it shall have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sysctl {
    /// Its path below `/proc/sys`.
    pub(crate) key: String,
    /// The value.
    pub(crate) value: String,
    /// How long it lives.
    pub(crate) lifetime: Lifetime,
}

/// How long a kernel setting lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lifetime {
    /// It vanishes together with the tunnel's interface.
    Tunnel,
    /// It stays until somebody puts the old value back.
    System,
}

/// The form of sysctl(8) with slashes, since the name of an interface may have dots.
impl fmt::Display for Sysctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sysctl {} = {}", self.key, self.value)
    }
}

impl Sysctl {
    /// Gives it its value. Where that is not allowed, as in many containers, the tunnel works all
    /// the same on most networks. What the system has of its own is raised and never lowered: a
    /// greater value is somebody's wish for more.
    pub(crate) fn set(&self, journal: &mut Journal) -> Result<Option<HealthItem>, NetworkError> {
        let Self { key, value, lifetime } = self;
        let from = match read(key) {
            Ok(from) if from == *value => return Ok(None),
            Ok(from) => from,
            Err(error) => {
                tracing::debug!("{key} cannot be read: {error}");
                return Ok(None);
            }
        };
        match lifetime {
            Lifetime::Tunnel => {}
            Lifetime::System if exceeds(&from, value) => return Ok(None),
            Lifetime::System => journal.update(|entries| {
                let change = SysctlChange { from, to: value.clone() };
                entries.sysctls.entry(key.clone()).or_insert(change);
            })?,
        }
        Ok(write(key, value).err().map(|error| {
            health::item(
                HealthCode::SysctlRefused,
                Severity::Warning,
                "A kernel setting could not be changed",
                format!("{self} was refused ({error}). Packets from the VPN may be dropped."),
                "Let the service write below /proc/sys/net.",
            )
            .with("setting", self)
            .with("reason", &error)
        }))
    }

    /// Whether it has another value. One that cannot be read is of an interface that is gone.
    pub(crate) fn is_changed(&self) -> bool {
        read(&self.key).is_ok_and(|present| present != self.value)
    }
}

/// Puts an old value back, unless somebody else has changed it since.
pub(crate) fn restore(key: &str, journal: &mut Journal) -> Result<(), NetworkError> {
    if let Some(SysctlChange { from, to }) = journal.entries().sysctls.get(key)
        && is_networks(key)
        && read(key).is_ok_and(|present| present == *to)
    {
        write(key, from)
            .map_err(|source| NetworkError::Change { item: format!("sysctl {key}"), source })?;
    }
    journal.update(|entries| drop(entries.sysctls.remove(key)))
}

/// Whether the kernel would filter an interface strictly, were it not for us.
pub(crate) fn is_strict(interface: &str, journal: &Journal) -> bool {
    let value = |interface: &str| {
        let key = rp_filter(interface);
        let changed = journal.entries().sysctls.get(&key).map(|change| change.from.clone());
        changed.or_else(|| read(&key).ok())?.parse::<u8>().ok()
    };
    value("all").max(value(interface)) == Some(1)
}

fn exceeds(present: &str, wanted: &str) -> bool {
    let number = |value: &str| value.parse::<u32>().ok();
    number(present).zip(number(wanted)).is_some_and(|(present, wanted)| present > wanted)
}

/// Keys come back from a file, and must not lead anywhere else.
fn is_networks(key: &str) -> bool {
    key.starts_with("net/") && !key.split('/').any(|part| part == "..")
}

/// The key of an interface's reverse path filter. The kernel applies the greater of this and that
/// of `all`: 1 is strict, 2 is loose (RFC 3704; kernel, networking/ip-sysctl).
pub(crate) fn rp_filter(interface: &str) -> String {
    format!("net/ipv4/conf/{interface}/rp_filter")
}

/// On which links the kernel answers ARP requests for an address of the machine: 0 on all of them, 1
/// only on the one that has it (kernel, networking/ip-sysctl).
pub(crate) const ARP_IGNORE: &str = "net/ipv4/conf/all/arp_ignore";

fn read(key: &str) -> io::Result<String> {
    Ok(fs::read_to_string(path(key))?.trim_end().to_owned())
}

/// Writing to these files never blocks.
fn write(key: &str, value: &str) -> io::Result<()> {
    fs::write(path(key), value)
}

fn path(key: &str) -> PathBuf {
    PathBuf::from("/proc/sys").join(key)
}
