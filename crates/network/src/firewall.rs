//! What may leave the machine past its tunnels, and what may come in.
//!
//! [`policy`] says what is wanted: by the machine, and by each session. [`rules`] makes of it, without
//! any I/O, the tables that a network engineer would review, and [`nftables`] puts those in place of the
//! present ones: all sessions and the lockdown in one table `inet adit`, in one transaction. The tables
//! belong to no process, so that nothing that ends opens the machine.

mod changes;
mod decision;
mod expressions;
mod messages;
mod nftables;
mod policy;
mod ranges;
mod rules;
mod shown;
mod table;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, io};

use adit_model::{HealthCode, HealthItem, Severity};
use futures_util::{Stream, StreamExt, stream};
use rustix::io::Errno;

use crate::{error::NetworkError, healing::Change, health};

pub(crate) use decision::{Decision, Packet, Way};
pub use policy::Lockdown;
pub(crate) use policy::{AppWay, Guard, Outside, Policy, Reach, Through};
pub(crate) use ranges::ranges;
pub(crate) use table::Transport;

use decision::decide;
use nftables::Nftables;
use rules::{Tables, tables};
use table::{Table, TableFamily};

/// Whether a policy refuses a packet, whatever the kernel has of it.
pub(crate) fn refuses(policy: &Policy, packet: &Packet) -> bool {
    let Tables { inet, netdev } = tables(policy);
    decide(inet.iter().chain(&netdev), packet).is_some_and(|decision| !decision.passes)
}

/// The kernel's firewall, as far as it is ours.
#[derive(Debug)]
pub(crate) struct Firewall {
    nftables: Result<Nftables, Errno>,
    /// The tables that the kernel was seen to have; what it refuses is nothing to fight for.
    in_force: BTreeSet<TableFamily>,
}

impl Firewall {
    /// That of the network namespace of the calling thread. A kernel without one is found out when
    /// it is needed.
    pub(crate) fn open() -> Self {
        Self { nftables: Nftables::open(), in_force: BTreeSet::new() }
    }

    /// Brings a policy into force. What is in force already is left alone.
    ///
    /// If the kernel cannot do it, that is an error only where somebody relies on it.
    pub(crate) fn establish(&mut self, policy: &Policy) -> Result<Vec<HealthItem>, NetworkError> {
        let tables = tables(policy);
        match self.put(TableFamily::Inet, tables.inet.as_ref()) {
            Ok(()) => {}
            // Nothing is wanted, and whoever may not ask or has nobody to ask has made nothing.
            Err(error) if tables.inet.is_none() && is_out_of_reach(&error) => {}
            Err(error) if policy.holds_back() || tables.inet.is_none() => {
                return Err(NetworkError::Firewall(error));
            }
            Err(error) => return Ok(vec![unguarded(&error)]),
        }
        let Err(error) = self.put(TableFamily::Netdev, tables.netdev.as_ref()) else {
            return Ok(Vec::new());
        };
        tracing::debug!("packet sockets are not held back: {error}");
        let is_wanted = tables.netdev.is_some() && !is_interface_gone(&error);
        Ok(is_wanted.then(|| packet_sockets_pass(&error)).into_iter().collect())
    }

    /// What the kernel does with a packet by the tables that it has of this policy at this moment;
    /// nothing where it has none or others.
    pub(crate) fn decide(&self, policy: &Policy, packet: &Packet) -> Option<Decision> {
        let nftables = self.nftables.as_ref().ok()?;
        let Tables { inet, netdev } = tables(policy);
        let shows = |table: &&Table| nftables.shows(table.family, Some(table)).unwrap_or(false);
        decide(inet.iter().chain(&netdev).filter(shows), packet)
    }

    /// Whether nobody has changed what is in force.
    pub(crate) fn is_in_force(&self, policy: &Policy) -> bool {
        let Ok(nftables) = &self.nftables else { return true };
        let tables = tables(policy);
        let wanted = [(TableFamily::Inet, &tables.inet), (TableFamily::Netdev, &tables.netdev)];
        wanted.into_iter().filter(|(family, _)| self.in_force.contains(family)).all(
            // What cannot be read is not known to be changed.
            |(family, table)| nftables.shows(family, table.as_ref()).unwrap_or(true),
        )
    }

    /// The tables of a policy as text; a remark says so where the kernel does not have one.
    pub(crate) fn describe(&self, policy: &Policy) -> String {
        let Tables { inet, netdev } = tables(policy);
        let describe = |table: &Table| {
            let shows = |it: &Nftables| it.shows(table.family, Some(table)).unwrap_or(false);
            let remark = match &self.nftables {
                Ok(nftables) if shows(nftables) => "",
                Ok(_) | Err(_) => "# The kernel does not have this:\n",
            };
            format!("{remark}{table}")
        };
        inet.iter().chain(&netdev).map(describe).collect()
    }

    /// What others do to the kernel's tables. Without a firewall nobody does anything.
    pub(crate) fn changes() -> impl Stream<Item = Change> {
        match changes::changes() {
            Ok(changes) => changes.left_stream(),
            Err(error) => {
                tracing::debug!("the firewall cannot be watched: {error}");
                stream::pending().right_stream()
            }
        }
    }

    fn put(&mut self, family: TableFamily, table: Option<&Table>) -> io::Result<()> {
        self.in_force.remove(&family);
        self.replace(family, table)?;
        if table.is_some() {
            self.in_force.insert(family);
        }
        Ok(())
    }

    fn replace(&self, family: TableFamily, table: Option<&Table>) -> io::Result<()> {
        let nftables = self.nftables.as_ref().map_err(|number| io::Error::from(*number))?;
        if nftables.shows(family, table).unwrap_or(false) {
            return Ok(());
        }
        nftables.replace(family, table)?;
        if nftables.shows(family, table)? {
            return Ok(());
        }
        Err(io::Error::other("the kernel shows other rules than it was given"))
    }
}

fn is_out_of_reach(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT))
}

/// Whoever follows the network calls again without it.
fn is_interface_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV))
}

/// The egress hook came with Linux 5.16 and can be left out of a kernel.
fn packet_sockets_pass(error: &io::Error) -> HealthItem {
    health::item(
        HealthCode::FirewallPacketSockets,
        Severity::Warning,
        "Programs of root could send past the tunnel",
        format!(
            "What a program sends by packet sockets, which only root may use, is not blocked: this \
             kernel cannot filter it ({error})."
        ),
        "Use Linux 5.16 or later, with CONFIG_NETFILTER_EGRESS.",
    )
    .with("reason", error)
}

fn unguarded(error: &io::Error) -> HealthItem {
    health::item(
        HealthCode::FirewallUnavailable,
        Severity::Notice,
        "The tunnel’s address is not guarded",
        format!(
            "Who is on the same network could find out what address you have in the tunnel, because \
             the kernel’s firewall cannot be used: {error}."
        ),
        "Use a kernel with nf_tables, as all distributions have it.",
    )
    .with("reason", error)
}
