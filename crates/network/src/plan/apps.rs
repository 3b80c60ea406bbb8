//! Tunnels that carry what some apps send, wherever it goes (`sourceApplication`).

use adit_model::{Family, HealthCode, HealthItem, PacketTunnelNetworkSettings, Severity};
use ipnet::IpNet;

use super::{PRIORITY_APPS, PRIORITY_BYPASS, PRIORITY_BYPASS_END, Plan, sysctls};
use crate::{
    AppGroup, Tunnel, dns,
    firewall::{AppWay, Guard, Reach, Through},
    health,
    route::{Metric, Route, TABLE_MAIN, Target},
    rule::{Action, Rule, Selector},
    state::NetworkState,
};

/// What is planned beside the interface and its addresses. The settings' routes do not count: an app
/// has no way but the tunnel, and what to do with a packet is for the provider to know. Nor do they tell
/// the system of DNS servers, which would be asked for everybody.
pub(super) fn complete(
    plan: &mut Plan,
    group: AppGroup,
    tunnel: &Tunnel,
    settings: &PacketTunnelNetworkSettings,
    state: &NetworkState,
) {
    plan.dns = None;
    plan.app_names =
        settings.dns.as_ref().and_then(|settings| dns::stub_of_apps(settings, tunnel.slot));
    plan.sysctls = sysctls(tunnel, plan, state);
    plan.firewall = Some(Guard {
        reach: Reach::Nothing,
        through: Some(Through {
            interface: tunnel.interface.clone(),
            addresses: plan.addresses.iter().map(IpNet::addr).collect(),
            dns_servers: None,
            apps: Some(AppWay { group, names: plan.app_names.as_ref().map(|stub| stub.address) }),
        }),
    });
    plan.health.extend(plan.app_names.is_none().then(without_dns));
    let has_family = |family: &Family| plan.addresses.iter().any(|net| Family::of(net) == *family);
    for family in Family::ALL.into_iter().filter(has_family) {
        plan.rules.extend(rules(family, group, tunnel));
        plan.routes.extend(routes(family, tunnel));
    }
}

/// The apps' come before what else decides, so that no interface that they bind to takes them elsewhere
/// (RTE-16). What is bound to the tunnel's interface, as our own questions for names are, belongs into it
/// too.
fn rules(family: Family, group: AppGroup, tunnel: &Tunnel) -> [Rule; 4] {
    let rule = |priority, selector, action| Rule { priority, family, selector, action };
    let lookup = Action::Lookup(tunnel.slot.default_table());
    let interface = tunnel.interface.clone();
    let bound = Selector::OutputInterface { interface, to: family.default_route() };
    [
        rule(PRIORITY_APPS, Selector::Apps(group), lookup),
        rule(PRIORITY_APPS, bound, lookup),
        rule(PRIORITY_BYPASS, Selector::Bypass, Action::Lookup(TABLE_MAIN)),
        rule(PRIORITY_BYPASS_END, Selector::Bypass, Action::Unreachable),
    ]
}

fn routes(family: Family, tunnel: &Tunnel) -> [Route; 2] {
    let route = |metric, target| Route {
        table: tunnel.slot.default_table(),
        destination: family.default_route(),
        metric,
        target,
    };
    let interface = tunnel.interface.clone();
    let inside = Target::Tunnel { interface, index: tunnel.index, via: None };
    [route(Metric::Normal, inside), route(Metric::Last, Target::Unreachable)]
}

fn without_dns() -> HealthItem {
    health::item(
        HealthCode::AppsWithoutDns,
        Severity::Warning,
        "The tunnel has no DNS server for its apps",
        "What they ask the network’s servers goes through the tunnel, where those may not be reached. A \
         resolver on this computer does not answer them, as it would ask outside.",
        "Add a DNS server to the configuration.",
    )
}
