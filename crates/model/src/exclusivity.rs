//! Which sessions may stand beside each other. Spec MGR-6, MGR-12, B-5.
//!
//! One configuration owns the default route; any number of split tunnels may stand beside it while
//! their destinations do not overlap.

use ipnet::IpNet;

use crate::ConfigurationId;

/// The destinations that one session has or wants.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Whose they are.
    pub id: ConfigurationId,
    /// The configuration's name, for the sentence about a conflict.
    pub name: String,
    /// The destinations.
    pub routes: Vec<IpNet>,
}

/// Whether a session may start beside those that are active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Nothing is in its way.
    Free,
    /// It takes the default route from this one, which must stop first.
    Supersedes(ConfigurationId),
    /// It wants a destination that this one has.
    Conflict {
        /// The other configuration.
        id: ConfigurationId,
        /// Its name.
        name: String,
        /// The destination that both want.
        route: IpNet,
    },
}

/// Decides whether `candidate` may start beside the `active` claims.
#[must_use]
pub fn admit(candidate: &Claim, active: &[Claim]) -> Admission {
    let others = || active.iter().filter(|claim| claim.id != candidate.id);
    for other in others() {
        if let Some(route) = overlap(candidate, other) {
            return Admission::Conflict { id: other.id, name: other.name.clone(), route };
        }
    }
    let owner = others().find(|other| owns_default_route(&other.routes));
    match owner {
        Some(owner) if owns_default_route(&candidate.routes) => Admission::Supersedes(owner.id),
        Some(_) | None => Admission::Free,
    }
}

/// Whether these destinations amount to the default route of a family, also when it is written as
/// two halves.
#[must_use]
pub fn owns_default_route(routes: &[IpNet]) -> bool {
    let halves = |v4: bool| {
        let half = |net: &&IpNet| net.prefix_len() == 1 && net.addr().is_ipv4() == v4;
        let mut networks: Vec<_> = routes.iter().filter(half).map(IpNet::network).collect();
        networks.sort_unstable();
        networks.dedup();
        networks.len() == 2
    };
    routes.iter().any(|net| net.prefix_len() == 0) || halves(true) || halves(false)
}

/// The first destination that both claims want, when it is not a matter of the default route: the
/// more specific of the two always wins over a default route.
fn overlap(a: &Claim, b: &Claim) -> Option<IpNet> {
    let specific = |claim: &Claim| -> Vec<IpNet> {
        claim.routes.iter().copied().filter(|net| net.prefix_len() > 1).collect()
    };
    let (a, b) = (specific(a), specific(b));
    a.iter().find_map(|x| {
        b.iter().find_map(|y| match () {
            () if y.contains(x) => Some(*x),
            () if x.contains(y) => Some(*y),
            () => None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: MGR-6, MGR-12
    #[test]
    fn one_owner_of_the_default_route_and_disjoint_split_tunnels() {
        let work = claim(1, &["10.0.0.0/8"]);
        let lab = claim(2, &["192.168.7.0/24", "fd07::/48"]);
        let home = claim(3, &["0.0.0.0/0", "::/0"]);
        let halves = claim(4, &["0.0.0.0/1", "128.0.0.0/1"]);
        let inside = claim(5, &["10.1.0.0/16"]);

        assert_eq!(admit(&work, &[]), Admission::Free);
        assert_eq!(admit(&work, &[lab.clone(), home.clone()]), Admission::Free);
        assert_eq!(admit(&home, &[work.clone(), lab.clone()]), Admission::Free);
        assert_eq!(admit(&halves, &[work.clone(), home.clone()]), Admission::Supersedes(home.id));
        assert_eq!(admit(&home, std::slice::from_ref(&home)), Admission::Free);
        let conflict = Admission::Conflict {
            id: work.id,
            name: work.name.clone(),
            route: "10.1.0.0/16".parse().unwrap(),
        };
        assert_eq!(admit(&inside, &[lab, work]), conflict);
    }

    fn claim(id: u8, routes: &[&str]) -> Claim {
        Claim {
            id: ConfigurationId::from_random([id; 16]),
            name: format!("tunnel {id}"),
            routes: routes.iter().map(|net| net.parse().unwrap()).collect(),
        }
    }
}
