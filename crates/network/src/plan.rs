//! What a tunnel's settings mean for the kernel and the system's name resolution.
//!
//! # Routing
//!
//! All our routes are in tables of our own, two for each session, and all our routes and rules bear
//! the protocol [`RTPROT_ADIT`](crate::RTPROT_ADIT). Of the rules, in the order of evaluation:
//!
//! | Priority | Packets | Do | Exists |
//! |---|---|---|---|
//! | 4900 | of a group of apps, or bound to their tunnel | look up the session's default table | per-app tunnels |
//! | 5000 | marked | look up `main` | with any below |
//! | 5001 | marked | refuse | with any below |
//! | 5002 + rank | IPv6, of sockets bound to a physical interface, by destination | refuse, or look up `main` | enforced, or something blocked |
//! | 5050 | of sockets bound to a physical interface | look up `main` | default strength, nothing blocked |
//! | 5100 + slot | all | look up the session's specific table | it has specific routes |
//! | 5150 + slot | all | look up the session's default table | it has a default route, enforced |
//! | 5200 | all | look up `main` except default routes | it has a default route, not enforced |
//! | 5300 + slot | all | look up the session's default table | it has a default route, not enforced |
//! | 32766 | all | look up `main` | always, the system's own |
//!
//! The firewall stands behind the rules: what they send past a tunnel that wants it, as for a socket
//! that is bound to an interface, is refused there ([`crate::firewall`]).
//!
//! A per-app tunnel has only the first of these: its routes are everything its apps send, and they come
//! into play for nobody else.
//!
//! Four invariants hold:
//!
//! * **No loop.** Marked packets are decided by 5000 and 5001 alone, before any table of ours.
//!   Without a route in `main` they are refused and do not fall through into the tunnel.
//! * **One table** (RTE-23). Together, the specific table and `main` act as one table in which the
//!   longest prefix wins, and at equal length `main`: what `main` has within an included network
//!   is a `throw` in the specific table. Hence a plan must be made again when `main` changes. In
//!   the enforcing strength `main` has no say, apart from networks within this computer, and from local
//!   networks if the user wants so.
//! * **Fail closed.** Each route into the tunnel has an `unreachable` twin with the worst metric.
//!   When the interface vanishes the kernel drops its routes, and the twins stay.
//! * **The link stays a link.** IPv6 link-local destinations never enter a tunnel.
//!
//! Between concurrent sessions the lower slot is asked first; that their networks do not overlap is
//! for whoever admits sessions to see to.

mod apps;
mod bound_sockets;
mod guard;
#[cfg(test)]
mod precedence;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt, net::IpAddr};

use adit_model::{
    Family, HealthItem, InvalidSettings, MacAddress, PacketTunnelNetworkSettings, RouteTable,
    TunnelProviderProtocol,
};
use ipnet::{IpNet, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::{
    AppGroup, Slot, Tunnel,
    destinations::{Destinations, Verdict, captures, destinations, wanted},
    dns::{self, DnsPlan, StubPlan},
    firewall::{Guard, Reach},
    health,
    local_networks::outside,
    route::{Metric, Route, TABLE_MAIN, Target},
    rule::{Action, Rule, Selector},
    state::NetworkState,
    sysctl::{self, Lifetime, Sysctl},
};

/// Everything that shall exist for one session. As text it is what ip(8) would show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// MTU of the interface in bytes. Absent: the interface is left as it is.
    pub(crate) mtu: Option<u32>,
    /// Its hardware address. Absent: it is left as it is.
    pub(crate) hardware_address: Option<MacAddress>,
    /// The interface's addresses, with the length of the network each is on; the first of a family
    /// is the source of what leaves through the tunnel.
    pub(crate) addresses: Vec<IpNet>,
    /// Policy rules. Those that do not bear the slot are shared with other sessions.
    pub(crate) rules: BTreeSet<Rule>,
    /// Routes.
    pub(crate) routes: BTreeSet<Route>,
    /// Kernel settings.
    pub(crate) sysctls: BTreeSet<Sysctl>,
    /// Name resolution; absent leaves the system's alone (SET-3).
    pub(crate) dns: Option<DnsPlan>,
    /// Who answers the apps of a per-app tunnel.
    pub(crate) app_names: Option<StubPlan>,
    /// The session's part of the firewall; absent asks nothing of it.
    pub(crate) firewall: Option<Guard>,
    /// What a person should know about these settings on this network.
    pub(crate) health: Vec<HealthItem>,
}

/// How strongly a configuration's tunnel stands against the system. Belongs to the configuration, so
/// that it holds before its provider runs (PROTO-18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Strength {
    /// The tunnel's routes beat the system's table and bound sockets (RTE-13, D-17).
    pub enforce_routes: bool,
    /// Nothing goes past the tunnel, whether it is up or not (PROTO-10, RTE-5, RTE-7). Beats
    /// `enforce_routes` (PROTO-15).
    pub include_all_networks: bool,
    /// But with either, the physical link's own networks stay outside (PROTO-11, RTE-14, D-16).
    pub exclude_local_networks: bool,
    /// It carries all that the apps of this group send, and nothing else (TUN-6). None of the others
    /// goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apps: Option<AppGroup>,
}

const PRIORITY_APPS: u32 = 4900;
const PRIORITY_BYPASS: u32 = 5000;
const PRIORITY_BYPASS_END: u32 = 5001;
const PRIORITY_BOUND_REFUSED: u32 = 5002;
const PRIORITY_BOUND_SOCKETS: u32 = 5050;
const PRIORITY_SPECIFIC: u32 = 5100;
const PRIORITY_ENFORCED_DEFAULT: u32 = 5150;
const PRIORITY_MAIN: u32 = 5200;
const PRIORITY_DEFAULT: u32 = 5300;

/// Plans a session's settings on the network as it is.
///
/// Settings that are invalid never become a plan (TUN-14).
pub fn plan(
    tunnel: &Tunnel,
    settings: &PacketTunnelNetworkSettings,
    strength: Strength,
    state: &NetworkState,
) -> Result<Plan, InvalidSettings> {
    settings.validate()?;
    refuse_what_others_need(settings, state)?;
    let families: Vec<Family> =
        Family::ALL.into_iter().filter(|family| *family == Family::Ipv4 || state.ipv6).collect();
    let physical_mtu = state.path.interface.as_ref().map(|interface| interface.mtu);
    let mut plan = Plan {
        mtu: Some(settings.interface_mtu(physical_mtu)),
        hardware_address: settings.ethernet_address,
        addresses: addresses(settings, &families),
        ..Plan::default()
    };
    if let Some(group) = strength.apps {
        apps::complete(&mut plan, group, tunnel, settings, state);
        return Ok(plan);
    }
    plan.dns =
        settings.dns.as_ref().map(|dns| dns::plan(dns, is_default_route(settings), tunnel.slot));
    plan.health = health::of_settings(settings, strength, state);
    plan.sysctls = sysctls(tunnel, &plan, state);
    plan.firewall = Some(guard::guard(tunnel, settings, &plan, strength, state));
    for family in families {
        match settings.route_table {
            RouteTable::Off => {}
            RouteTable::Table(table) => {
                plan.routes.extend(routes_of_user(family, tunnel, table, settings));
            }
            RouteTable::Auto => {
                let destinations = destinations(family, settings, strength, state);
                plan.rules.extend(rules(family, tunnel, &destinations, strength, state));
                plan.routes.extend(routes(tunnel, &destinations));
            }
        }
    }
    Ok(plan)
}

/// What a session holds back while its tunnel carries nothing: before it has settings, while it
/// reasserts without any, and while it disconnects. Applied like any plan.
///
/// Only with `include_all_networks` it is more than nothing (RTE-7).
#[must_use]
pub fn hold(strength: Strength, state: &NetworkState) -> Plan {
    let everything = || Reach::Everything(outside(strength.exclude_local_networks, state));
    let firewall =
        strength.include_all_networks.then(|| Guard { reach: everything(), through: None });
    Plan { firewall, ..Plan::default() }
}

/// Tables of other sessions, and addresses without which the machine is cut off: the `local` table
/// comes before every rule, so an address of the tunnel is never reached elsewhere.
fn refuse_what_others_need(
    settings: &PacketTunnelNetworkSettings,
    state: &NetworkState,
) -> Result<(), InvalidSettings> {
    if let RouteTable::Table(table) = settings.route_table
        && Slot::of_table(table).is_some()
    {
        return Err(InvalidSettings::ReservedTable(table));
    }
    let needed = |address: &IpAddr| {
        state.path.addresses.contains(address) || state.path.gateways.contains(address)
    };
    match settings.addresses().map(|net| net.addr()).find(needed) {
        Some(address) => Err(InvalidSettings::UnusableAddress(address)),
        None => Ok(()),
    }
}

impl Plan {
    /// Nothing at all, as when a provider clears its settings.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// What answers names in the place of the tunnel's servers, if anything does.
    pub(crate) fn stub(&self) -> Option<&StubPlan> {
        self.dns.as_ref().and_then(|dns| dns.stub.as_ref()).or(self.app_names.as_ref())
    }

    /// What a person should know about these settings on this network.
    #[must_use]
    pub fn health(&self) -> &[HealthItem] {
        &self.health
    }
}

impl Strength {
    /// Whether the system's routes have no say against the tunnel's. To include everything is to
    /// include it wherever those lead.
    pub(crate) fn enforces(self) -> bool {
        self.enforce_routes || self.include_all_networks
    }
}

impl From<&TunnelProviderProtocol> for Strength {
    fn from(protocol: &TunnelProviderProtocol) -> Self {
        Self {
            enforce_routes: protocol.enforce_routes,
            include_all_networks: protocol.include_all_networks,
            exclude_local_networks: protocol.exclude_local_networks,
            apps: None,
        }
    }
}

/// One line for each object, in the order in which they are made.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mtu) = self.mtu {
            let address = self.hardware_address.map(|address| format!("address {address} "));
            writeln!(f, "link {}mtu {mtu} up", address.unwrap_or_default())?;
        }
        self.sysctls.iter().try_for_each(|sysctl| writeln!(f, "{sysctl}"))?;
        self.addresses.iter().try_for_each(|address| writeln!(f, "address {address}"))?;
        self.routes.iter().try_for_each(|route| writeln!(f, "{route}"))?;
        self.rules.iter().try_for_each(|rule| writeln!(f, "{rule}"))?;
        self.dns.iter().try_for_each(|dns| write!(f, "{dns}"))?;
        self.app_names.iter().try_for_each(|stub| writeln!(f, "apps {stub}"))?;
        self.firewall.iter().try_for_each(|guard| write!(f, "{guard}"))?;
        self.health.iter().try_for_each(|item| writeln!(f, "health {}", item.code))
    }
}

/// Whether the tunnel takes the default route of at least one family.
fn is_default_route(settings: &PacketTunnelNetworkSettings) -> bool {
    Family::ALL.into_iter().any(|family| captures(family, settings))
}

fn rules(
    family: Family,
    tunnel: &Tunnel,
    destinations: &Destinations,
    strength: Strength,
    state: &NetworkState,
) -> Vec<Rule> {
    let Destinations { specific, default } = destinations;
    if specific.is_empty() && default.is_empty() {
        return Vec::new();
    }
    let rule = |priority, selector, action| Rule { priority, family, selector, action };
    let slot = u32::from(tunnel.slot.number());
    let mut rules = vec![
        rule(PRIORITY_BYPASS, Selector::Bypass, Action::Lookup(TABLE_MAIN)),
        rule(PRIORITY_BYPASS_END, Selector::Bypass, Action::Unreachable),
    ];
    rules.extend(bound_sockets::rules(family, destinations, strength, state));
    if !specific.is_empty() {
        let lookup = Action::Lookup(tunnel.slot.specific_table());
        rules.push(rule(PRIORITY_SPECIFIC + slot, Selector::All, lookup));
    }
    let lookup_default = Action::Lookup(tunnel.slot.default_table());
    if strength.enforces() {
        if !default.is_empty() {
            rules.push(rule(PRIORITY_ENFORCED_DEFAULT + slot, Selector::All, lookup_default));
        }
        return rules;
    }
    if !default.is_empty() {
        let main = Action::LookupExceptDefault(TABLE_MAIN);
        rules.push(rule(PRIORITY_MAIN, Selector::All, main));
        rules.push(rule(PRIORITY_DEFAULT + slot, Selector::All, lookup_default));
    }
    rules
}

fn routes(tunnel: &Tunnel, destinations: &Destinations) -> Vec<Route> {
    let specific = destinations.specific.iter().map(|entry| (tunnel.slot.specific_table(), entry));
    let default = destinations.default.iter().map(|entry| (tunnel.slot.default_table(), entry));
    specific
        .chain(default)
        .flat_map(|(table, (destination, verdict))| {
            let twin = verdict.is_tunnel().then_some(Route {
                table,
                destination: *destination,
                metric: Metric::Last,
                target: Target::Unreachable,
            });
            let target = verdict.target(tunnel);
            let route = Route { table, destination: *destination, metric: Metric::Normal, target };
            [Some(route), twin]
        })
        .flatten()
        .collect()
}

/// Routes in a table that is not ours: only what leads into the tunnel or is refused. What leads
/// past it, and what happens when it is gone, is for the person who asked for that table.
fn routes_of_user(
    family: Family,
    tunnel: &Tunnel,
    table: u32,
    settings: &PacketTunnelNetworkSettings,
) -> Vec<Route> {
    let route = |(destination, verdict): (IpNet, Verdict)| {
        let target = verdict.target(tunnel);
        Route { table, destination, metric: Metric::Normal, target }
    };
    wanted(family, settings).into_iter().map(route).collect()
}

/// Those of the settings, and on an Ethernet the one by which neighbours know each other (RFC 4861). By
/// itself the kernel would make none, or one that nobody knows of.
fn addresses(settings: &PacketTunnelNetworkSettings, families: &[Family]) -> Vec<IpNet> {
    let is_possible = |net: &IpNet| families.contains(&Family::of(net));
    let mut addresses: Vec<IpNet> = settings.addresses().filter(is_possible).collect();
    let has_ipv6 = settings.ipv6.is_some() && families.contains(&Family::Ipv6);
    if let Some(ethernet) = settings.ethernet_address.filter(|_| has_ipv6) {
        let link_local = IpNet::V6(Ipv6Net::new_assert(ethernet.link_local(), 64));
        addresses.extend((!addresses.contains(&link_local)).then_some(link_local));
    }
    addresses
}

fn sysctls(tunnel: &Tunnel, plan: &Plan, state: &NetworkState) -> BTreeSet<Sysctl> {
    let has = |family| plan.addresses.iter().any(|net| Family::of(net) == family);
    let own =
        |key: String, value: &str| Sysctl { key, value: value.into(), lifetime: Lifetime::Tunnel };
    let mut sysctls = BTreeSet::new();
    if has(Family::Ipv4) {
        sysctls.insert(own(sysctl::rp_filter(&tunnel.interface), "2"));
        // Without it the kernel deletes, with the first address of a network, all others on it.
        let key = format!("net/ipv4/conf/{}/promote_secondaries", tunnel.interface);
        sysctls.insert(own(key, "1"));
        if plan.hardware_address.is_some() {
            // Who is in the tunnel does not learn addresses that the machine has elsewhere.
            let key = format!("net/ipv4/conf/{}/arp_announce", tunnel.interface);
            sysctls.insert(own(key, "2"));
        }
        // The kernel tells whoever asks on any link which addresses the machine has on all of them,
        // and ARP passes the firewall's tables by. The greater of this and an interface's own counts.
        sysctls.insert(Sysctl {
            key: sysctl::ARP_IGNORE.into(),
            value: "1".into(),
            lifetime: Lifetime::System,
        });
    }
    if state.ipv6 {
        // No link-local address, and so no router solicitation into the tunnel.
        sysctls.insert(own(format!("net/ipv6/conf/{}/addr_gen_mode", tunnel.interface), "1"));
        // Whoever is at the other end would make a default route in the system's own table.
        sysctls.insert(own(format!("net/ipv6/conf/{}/accept_ra", tunnel.interface), "0"));
    }
    if has(Family::Ipv6) {
        sysctls.insert(own(format!("net/ipv6/conf/{}/disable_ipv6", tunnel.interface), "0"));
    }
    // The replies to outer packets come in where unmarked packets to the same place would not go
    // out; the strict filter would drop them.
    if let Some(interface) = &state.path.interface
        && state.strict_rp_filter
    {
        sysctls.insert(Sysctl {
            key: sysctl::rp_filter(&interface.name),
            value: "2".into(),
            lifetime: Lifetime::System,
        });
    }
    sysctls
}

impl Verdict {
    pub(crate) fn is_tunnel(self) -> bool {
        matches!(self, Self::Tunnel { .. })
    }

    fn target(self, tunnel: &Tunnel) -> Target {
        match self {
            Self::Tunnel { via } => {
                Target::Tunnel { interface: tunnel.interface.clone(), index: tunnel.index, via }
            }
            Self::Refused => Target::Unreachable,
            Self::Outside => Target::Throw,
        }
    }
}
