//! Why the system does what it does, found out from what it has at this moment.

use std::net::IpAddr;

use adit_model::{Family, LookupServer, NameLookup, Resolver, RouteExplanation, TransportPort};
use ipnet::IpNet;

use super::reconcile::Reconciler;
use crate::{
    dns::Lookup,
    error::NetworkError,
    firewall::{Decision, Packet, Transport, Way},
    lookup::{explain, look_up},
};

impl Reconciler {
    pub(super) async fn explain_dns(
        &self,
        name: &str,
    ) -> Result<(Resolver, Vec<NameLookup>), NetworkError> {
        let (resolver, lookups) = self.dns.lookups(name).await?;
        let links = self.netlink.links().await?;
        let mut explained = Vec::new();
        for Lookup { name, reason, domain, servers } in lookups {
            let mut reached = Vec::new();
            for (address, link) in servers {
                if let Some((asks, interface)) = self.stub(address) {
                    let (asks, interface) = (Some(asks), Some(interface));
                    reached.push(LookupServer { address, asks, interface, refused_by: None });
                    continue;
                }
                let link = match link {
                    Some(link) => Some(link),
                    None => self.netlink.way_to(address).await,
                };
                let link = links.iter().find(|known| Some(known.index) == link);
                let interface = link.map(|link| link.name.clone());
                let refused_by = interface.as_ref().and_then(|it| self.refusal(address, it));
                reached.push(LookupServer { address, asks: None, interface, refused_by });
            }
            explained.push(NameLookup { name, reason, domain, servers: reached });
        }
        Ok((resolver, explained))
    }

    pub(super) async fn explain_route(
        &self,
        destination: IpAddr,
        port: Option<TransportPort>,
    ) -> Result<RouteExplanation, NetworkError> {
        let rules = self.netlink.policy_rules(Family::of(&IpNet::from(destination))).await?;
        let routes = self.netlink.table_routes().await?;
        let links = self.netlink.links().await?;
        let output = self.netlink.way_to(destination).await;
        let link = links.iter().find(|link| Some(link.index) == output);
        let interface = link.map(|link| link.name.as_str());
        let to = port.map(|port| (port.protocol.into(), port.number));
        let decision = interface.and_then(|output| self.decision(destination, to, output));
        Ok(explain(look_up(&rules, &routes, destination), interface, decision))
    }

    /// Whom a stub of ours asks, and by which tunnel.
    fn stub(&self, address: IpAddr) -> Option<(String, String)> {
        self.sessions.values().find_map(|session| {
            let stub = session.plan.dns.as_ref()?.stub.as_ref()?;
            (address == stub.address).then(|| (stub.asked(), session.tunnel.interface.clone()))
        })
    }

    /// The rule of our firewall that refuses questions to a DNS server.
    fn refusal(&self, server: IpAddr, output: &str) -> Option<String> {
        const DNS: (Transport, u16) = (Transport::Udp, 53);
        let decision = self.decision(server, Some(DNS), output)?;
        (!decision.passes).then_some(decision.rule)
    }

    /// What our firewall does with a packet that the routes lead to this interface.
    fn decision(
        &self,
        destination: IpAddr,
        to: Option<(Transport, u16)>,
        output: &str,
    ) -> Option<Decision> {
        let packet = Packet::new(Way::Out(output.to_owned()), destination, to);
        self.firewall.decide(&self.journal.entries().firewall, &packet)
    }
}
