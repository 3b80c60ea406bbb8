//! The rules and tables of a plan, run as the kernel would, against the precedence that the
//! specification states (section 17).

use adit_model::{
    InterfaceKind, Ipv4Settings, NetworkPath, PathInterface, PathStatus, Route as ModelRoute,
};
use ipnet::Ipv4Net;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{Slot, state::MainRoute};

/// Where a packet ends up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Tunnel,
    Physical,
    Nowhere,
}

/// A packet's properties that rules look at.
#[derive(Debug, Clone, Copy)]
struct Packet {
    destination: IpNet,
    marked: bool,
    bound_to_physical: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    // spec: RTE-2, RTE-3, RTE-13, RTE-14, RTE-23, V4-8
    #[test]
    fn every_packet_goes_where_the_specification_says(case in case(), host in any::<u8>()) {
        let plan = case.plan();
        let packet = to(host);
        prop_assert_eq!(case.kernel(&plan, packet), case.specification(packet.destination));
    }

    // spec: PRV-11
    #[test]
    fn no_marked_packet_enters_the_tunnel(case in case(), host in any::<u8>()) {
        let plan = case.plan();
        let packet = Packet { marked: true, ..to(host) };
        prop_assert_eq!(case.kernel(&plan, packet), case.main(packet.destination));
    }

    // spec: RTE-4, RTE-13
    #[test]
    fn a_bound_socket_leaves_by_its_interface_unless_the_settings_are_strong(
        case in case(), host in any::<u8>(),
    ) {
        let plan = case.plan();
        let packet = Packet { bound_to_physical: true, ..to(host) };
        let way = case.kernel(&plan, packet);
        let main = case.main(packet.destination);
        let has_way_out = case.main_routes.iter().any(|net| net.prefix_len() == 0);
        let is_free = !case.strength.enforces() && case.blocked.is_empty();
        prop_assert_ne!(way, Way::Tunnel);
        if is_free && has_way_out {
            prop_assert_eq!(way, main);
        }
        if !is_free && case.specification(packet.destination) != Way::Physical {
            prop_assert_eq!(way, Way::Nowhere);
        }
    }

    // spec: TUN-18
    #[test]
    fn nothing_of_the_tunnel_goes_outside_when_its_interface_is_gone(
        case in case(), host in any::<u8>(),
    ) {
        let whole = case.plan();
        let mut plan = whole.clone();
        plan.routes.retain(|route| !matches!(route.target, Target::Tunnel { .. }));
        let packet = to(host);
        let expected = match case.kernel(&whole, packet) {
            Way::Tunnel => Way::Nowhere,
            way => way,
        };
        prop_assert_eq!(case.kernel(&plan, packet), expected);
    }
}

/// Settings on a network. All prefixes are of 10.0.0.0/24 or shorter than it, so that they meet.
#[derive(Debug, Clone)]
struct Case {
    included: Vec<Ipv4Net>,
    excluded: Vec<Ipv4Net>,
    blocked: Vec<Ipv4Net>,
    main_routes: Vec<Ipv4Net>,
    connected: Vec<Ipv4Net>,
    strength: Strength,
}

impl Case {
    fn plan(&self) -> Plan {
        let tunnel = Tunnel { slot: Slot::new(3).unwrap(), interface: "adit3".into(), index: 9 };
        plan(&tunnel, &self.settings(), self.strength, &self.state()).unwrap()
    }

    /// What the kernel does: rules in order, in each table the longest prefix with the best metric.
    fn kernel(&self, plan: &Plan, packet: Packet) -> Way {
        for rule in &plan.rules {
            let applies = match &rule.selector {
                Selector::All => true,
                Selector::Bypass => packet.marked,
                // The packet is nobody's.
                Selector::Apps(_) => false,
                Selector::OutputInterface { interface, to } => {
                    let reached = to.contains(&packet.destination);
                    packet.bound_to_physical && interface == "eth0" && reached
                }
            };
            let way = match rule.action {
                _ if !applies => None,
                Action::Unreachable => Some(Way::Nowhere),
                Action::Lookup(TABLE_MAIN) => self.lookup_main(packet.destination, 0),
                Action::LookupExceptDefault(table) => {
                    assert_eq!(table, TABLE_MAIN);
                    self.lookup_main(packet.destination, 1)
                }
                Action::Lookup(table) => lookup(plan, table, packet),
            };
            if let Some(way) = way {
                return way;
            }
        }
        self.main(packet.destination)
    }

    /// What section 17 says: from strongest to weakest, local networks and enforced routes, the
    /// system's table, included and excluded routes, the default route.
    fn specification(&self, destination: IpNet) -> Way {
        let longest = |nets: &[Ipv4Net]| longest(nets, destination);
        let asked = [&self.included, &self.blocked].map(|nets| {
            nets.iter().copied().filter(|net| net.prefix_len() > 0).collect::<Vec<_>>()
        });
        let [included, blocked] = asked.map(|nets| longest(&nets));
        let excluded = match self.strength {
            Strength { include_all_networks: true, .. } => None,
            Strength { include_all_networks: false, .. } => longest(&self.excluded),
        };
        let system = match self.strength {
            Strength { enforce_routes: false, include_all_networks: false, .. } => {
                self.specific_main()
            }
            Strength { exclude_local_networks: false, .. } => Vec::new(),
            Strength { exclude_local_networks: true, .. } => self.connected.clone(),
        };
        let system = longest(&system);
        let outside = self.main(destination);

        if blocked.is_some() && blocked >= included && blocked > excluded {
            return Way::Nowhere;
        }
        if included.is_some() && included > excluded {
            return if system >= included { outside } else { Way::Tunnel };
        }
        if system.is_some() || excluded.is_some() {
            return outside;
        }
        let has_default = |nets: &[Ipv4Net]| nets.iter().any(|net| net.prefix_len() == 0);
        match (has_default(&self.blocked), has_default(&self.included)) {
            (true, _) => Way::Nowhere,
            (false, true) => Way::Tunnel,
            (false, false) => outside,
        }
    }

    /// Where the system's own table leads.
    fn main(&self, destination: IpNet) -> Way {
        self.lookup_main(destination, 0).unwrap_or(Way::Nowhere)
    }

    fn lookup_main(&self, destination: IpNet, shortest: u8) -> Option<Way> {
        let nets = self.main_routes.iter().chain(&self.connected);
        nets.into_iter()
            .any(|net| net.prefix_len() >= shortest && IpNet::from(*net).contains(&destination))
            .then_some(Way::Physical)
    }

    fn specific_main(&self) -> Vec<Ipv4Net> {
        let nets = self.main_routes.iter().chain(&self.connected).copied();
        nets.filter(|net| net.prefix_len() > 0).collect()
    }

    fn settings(&self) -> PacketTunnelNetworkSettings {
        let mut settings = PacketTunnelNetworkSettings::new("192.0.2.1".parse().unwrap());
        let mut ipv4 = Ipv4Settings::new(["172.16.0.2/32".parse().unwrap()]);
        ipv4.included_routes = self.included.iter().copied().map(ModelRoute::to).collect();
        ipv4.excluded_routes = self.excluded.iter().copied().map(ModelRoute::to).collect();
        settings.ipv4 = Some(ipv4);
        settings.blocked_routes = self.blocked.iter().copied().map(IpNet::from).collect();
        settings
    }

    fn state(&self) -> NetworkState {
        let route = |connected| {
            move |net: &Ipv4Net| MainRoute {
                destination: (*net).into(),
                interface: Some("eth0".into()),
                connected,
                inner: false,
            }
        };
        let remote = self.main_routes.iter().map(route(false));
        NetworkState {
            path: NetworkPath {
                status: PathStatus::Satisfied,
                interface: Some(PathInterface {
                    name: "eth0".into(),
                    index: 2,
                    kind: InterfaceKind::Ethernet,
                    mtu: 1500,
                }),
                gateways: Vec::new(),
                addresses: Vec::new(),
                expensive: None,
            },
            ways_out: ["eth0".into()].into(),
            shared_bridges: [].into(),
            main_routes: remote.chain(self.connected.iter().map(route(true))).collect(),
            strict_rp_filter: false,
            ipv6: false,
        }
    }
}

/// A socket's interface rules out routes through others, but not those that lead nowhere.
fn lookup(plan: &Plan, table: u32, packet: Packet) -> Option<Way> {
    let usable = |route: &&Route| match route.target {
        Target::Tunnel { .. } => !packet.bound_to_physical,
        Target::Throw | Target::Unreachable => true,
    };
    let best = plan
        .routes
        .iter()
        .filter(|route| route.table == table && route.destination.contains(&packet.destination))
        .filter(usable)
        .max_by_key(|route| (route.destination.prefix_len(), std::cmp::Reverse(route.metric)))?;
    match best.target {
        Target::Tunnel { .. } => Some(Way::Tunnel),
        Target::Unreachable => Some(Way::Nowhere),
        Target::Throw => None,
    }
}

fn longest(nets: &[Ipv4Net], destination: IpNet) -> Option<u8> {
    let covering = nets.iter().filter(|net| IpNet::from(**net).contains(&destination));
    covering.map(Ipv4Net::prefix_len).max()
}

fn to(host: u8) -> Packet {
    let destination = Ipv4Net::new_assert([10, 0, 0, host].into(), 32).into();
    Packet { destination, marked: false, bound_to_physical: false }
}

fn case() -> impl Strategy<Value = Case> {
    let nets = || vec(net(), 0..5);
    let strength = any::<[bool; 3]>().prop_map(
        |[enforce_routes, include_all_networks, exclude_local_networks]| Strength {
            enforce_routes,
            include_all_networks,
            exclude_local_networks,
            apps: None,
        },
    );
    (nets(), nets(), vec(net(), 0..2), nets(), vec(specific(), 0..3), strength).prop_map(
        |(included, mut excluded, blocked, main_routes, connected, strength)| {
            // Settings that contradict themselves are refused; an excluded default says nothing.
            excluded.retain(|net| net.prefix_len() > 0);
            excluded.retain(|net| !included.contains(net) && !blocked.contains(net));
            Case { included, excluded, blocked, main_routes, connected, strength }
        },
    )
}

/// The default route, or one that often covers or equals another.
fn net() -> impl Strategy<Value = Ipv4Net> {
    prop_oneof![1 => Just(Ipv4Net::default()), 6 => specific()]
}

fn specific() -> impl Strategy<Value = Ipv4Net> {
    (22..=29_u8, any::<u8>())
        .prop_map(|(length, host)| Ipv4Net::new_assert([10, 0, 0, host].into(), length).trunc())
}
