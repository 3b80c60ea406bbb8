//! Which sessions may stand beside each other. Spec MGR-6, MGR-12.
//!
//! One configuration owns the default route; any number of split tunnels may stand beside it while
//! their destinations do not overlap.

use std::{collections::BTreeSet, iter};

use ipnet::IpNet;

use crate::{
    ConfigurationId, ROOT,
    default_route::{default_route_parts, owns_default_route},
};

/// The destinations that one session has or wants.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Whose they are.
    pub id: ConfigurationId,
    /// The configuration's name, for the sentence about a conflict.
    pub name: String,
    /// The uid of its owner.
    pub owner: u32,
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
///
/// Over an own default route a more specific destination may be laid, not over that of somebody
/// else: a part of their traffic would go another way without their knowing.
#[must_use]
pub fn admit(candidate: &Claim, active: &[Claim]) -> Admission {
    let mut supersedes = None;
    for other in active.iter().filter(|claim| claim.id != candidate.id) {
        let foreign = other.owner != candidate.owner && candidate.owner != ROOT;
        let both_own = owns_default_route(&candidate.routes) && owns_default_route(&other.routes);
        let route = if foreign && !both_own {
            overlap(&candidate.routes, &other.routes)
        } else {
            overlap(&specific(&candidate.routes), &specific(&other.routes))
        };
        if let Some(route) = route {
            return Admission::Conflict { id: other.id, name: other.name.clone(), route };
        }
        if both_own {
            supersedes = Some(other.id);
        }
    }
    supersedes.map_or(Admission::Free, Admission::Supersedes)
}

/// Without the default route, over which the more specific always wins.
fn specific(routes: &[IpNet]) -> Vec<IpNet> {
    let default = default_route_parts(routes);
    routes.iter().map(IpNet::trunc).filter(|net| !default.contains(net)).collect()
}

/// A destination that both want: the narrower of two that overlap.
fn overlap(ours: &[IpNet], theirs: &[IpNet]) -> Option<IpNet> {
    let ours: BTreeSet<IpNet> = ours.iter().map(IpNet::trunc).collect();
    let theirs: BTreeSet<IpNet> = theirs.iter().map(IpNet::trunc).collect();
    narrower(&ours, &theirs).or_else(|| narrower(&theirs, &ours))
}

/// A network of `narrow` that lies in one of `wide`. Looks up each possible length, so that it
/// stays fast for thousands of networks.
fn narrower(narrow: &BTreeSet<IpNet>, wide: &BTreeSet<IpNet>) -> Option<IpNet> {
    narrow.iter().copied().find(|net| {
        iter::successors(Some(*net), IpNet::supernet).any(|parent| wide.contains(&parent))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: MGR-12
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

    // spec: MGR-12
    #[test]
    fn nobody_takes_a_part_of_somebody_elses_traffic() {
        let home = claim(1, &["0.0.0.0/0"]);
        let quarters = claim(2, &["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"]);
        let split = claim(3, &["10.0.0.0/8"]);
        let theirs = |claim: &Claim| Claim { owner: 1001, ..claim.clone() };
        let roots = |claim: &Claim| Claim { owner: ROOT, ..claim.clone() };
        let active = [home.clone()];
        assert_eq!(admit(&quarters, &active), Admission::Supersedes(home.id));
        assert_eq!(admit(&theirs(&quarters), &active), Admission::Supersedes(home.id));
        assert_eq!(admit(&split, &active), Admission::Free);
        assert_eq!(admit(&split, std::slice::from_ref(&quarters)), Admission::Free);
        assert!(matches!(admit(&theirs(&split), &active), Admission::Conflict { .. }));
        assert_eq!(admit(&roots(&split), &active), Admission::Free);
    }

    fn claim(id: u8, routes: &[&str]) -> Claim {
        Claim {
            id: ConfigurationId::from_random([id; 16]),
            name: format!("tunnel {id}"),
            owner: 1000,
            routes: routes.iter().map(|net| net.parse().unwrap()).collect(),
        }
    }
}
