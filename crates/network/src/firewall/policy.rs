//! What is wanted of the firewall: by the machine, and by each session.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::ranges::Range;
use crate::app_group::{AppGroup, Members};

/// Nothing leaves the machine but through a tunnel, with or without sessions (RTE-21, MDM-24).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lockdown {
    /// But to the networks that the physical link is directly connected to (RTE-10).
    pub allow_local_networks: bool,
}

/// What is wanted of the firewall, all together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Policy {
    /// The machine is locked down but for this.
    pub(crate) lockdown: Option<Outside>,
    /// What each session asks for, by its slot.
    pub(crate) sessions: BTreeMap<u8, Guard>,
    /// The groups of apps that send through their tunnels or not at all, by their numbers.
    pub(crate) apps: BTreeMap<u8, Members>,
    /// The names of the interfaces by which packets leave the machine.
    pub(crate) ways_out: BTreeSet<String>,
}

/// What one session asks of the firewall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Guard {
    /// What it keeps from going past its tunnel.
    pub(crate) reach: Reach,
    /// The way through the tunnel; absent while there is none, as before the first settings.
    pub(crate) through: Option<Through>,
}

/// How far a session's guard reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Reach {
    /// Nothing is held back: the routes alone decide.
    Nothing,
    /// Some destinations are.
    Destinations {
        /// Reached through the tunnel or not at all (RTE-13).
        inside: Vec<Range>,
        /// Not reached at all (SET-7).
        refused: Vec<Range>,
    },
    /// Everything is (RTE-5), but for this.
    Everything(Outside),
}

/// What of the physical link stays open when everything else has to go through a tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outside {
    /// The name of the link's interface; absent if there is no network.
    pub(crate) interface: Option<String>,
    /// The networks on it that are left alone (RTE-10).
    pub(crate) networks: BTreeSet<IpNet>,
}

/// The way through a tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Through {
    /// The name of its interface. Not the index: a rule must hold for the interface that is made
    /// in place of one that was lost, and only root can give an interface this name.
    pub(crate) interface: String,
    /// Its addresses.
    pub(crate) addresses: Vec<IpAddr>,
    /// The only DNS servers that may be asked through it; absent: any.
    pub(crate) dns_servers: Option<Vec<IpAddr>>,
    /// Whose way it is, where apps decide; absent: everybody's.
    #[serde(default)]
    pub(crate) apps: Option<AppWay>,
}

/// The way of the apps of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppWay {
    pub(crate) group: AppGroup,
    /// Who answers their questions for names, whomever they ask; absent: nobody.
    pub(crate) names: Option<Ipv4Addr>,
}

impl Policy {
    /// What stays open of the physical link while everything has to go through a tunnel; absent
    /// while not everything has to. Of several who want that, each has to agree to what is open.
    pub(crate) fn closed(&self) -> Option<Outside> {
        let sessions = self.sessions.values().filter_map(|guard| match &guard.reach {
            Reach::Nothing | Reach::Destinations { .. } => None,
            Reach::Everything(outside) => Some(outside),
        });
        self.lockdown.iter().chain(sessions).cloned().reduce(Outside::intersection)
    }

    /// Whether anybody relies on the firewall to hold something back.
    pub(crate) fn holds_back(&self) -> bool {
        self.holds_destinations_back() || !self.apps.is_empty()
    }

    /// Whether anybody does for what everybody sends.
    pub(super) fn holds_destinations_back(&self) -> bool {
        self.closed().is_some() || self.sessions.values().any(|guard| guard.reach != Reach::Nothing)
    }

    /// Each group of apps, with its way while its tunnel is up.
    pub(super) fn apps(&self) -> impl Iterator<Item = (&Members, Option<(&Through, AppWay)>)> {
        self.apps.iter().map(|(number, members)| {
            let way = self.tunnels().find_map(|through| {
                let way = through.apps.filter(|way| way.group.number() == *number)?;
                Some((through, way))
            });
            (members, way)
        })
    }

    /// The ways through tunnels.
    pub(super) fn tunnels(&self) -> impl Iterator<Item = &Through> {
        self.sessions.values().filter_map(|guard| guard.through.as_ref())
    }
}

/// A line for what reaches beyond the routes.
impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join =
            |ranges: &[Range]| ranges.iter().map(Range::to_string).collect::<Vec<_>>().join(" ");
        match &self.reach {
            Reach::Nothing => Ok(()),
            Reach::Destinations { inside, refused } => {
                if !inside.is_empty() {
                    writeln!(f, "firewall inside {}", join(inside))?;
                }
                if !refused.is_empty() {
                    writeln!(f, "firewall refused {}", join(refused))?;
                }
                Ok(())
            }
            Reach::Everything(outside) => writeln!(f, "firewall everything{outside}"),
        }
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(interface) = self.interface.as_ref().filter(|_| !self.networks.is_empty()) else {
            return Ok(());
        };
        let networks: Vec<String> = self.networks.iter().map(IpNet::to_string).collect();
        write!(f, " but on {interface} {}", networks.join(" "))
    }
}

impl Outside {
    fn intersection(mut self, other: Self) -> Self {
        if self.interface != other.interface {
            self.networks.clear();
        }
        self.networks.retain(|network| other.networks.contains(network));
        self.interface = self.interface.or(other.interface);
        self
    }
}
