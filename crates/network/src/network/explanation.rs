//! Why the system does what it does, found out from what it has at this moment.

use std::net::IpAddr;

use adit_model::{LookupServer, NameLookup, Resolver};

use super::reconcile::Reconciler;
use crate::{
    dns::Lookup,
    error::NetworkError,
    firewall::{Packet, Transport, Way},
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
                let link = match link {
                    Some(link) => Some(link),
                    None => self.netlink.way_to(address).await,
                };
                let link = links.iter().find(|known| Some(known.index) == link);
                let interface = link.map(|link| link.name.clone());
                let refused_by = interface.as_ref().and_then(|it| self.refusal(address, it));
                reached.push(LookupServer { address, interface, refused_by });
            }
            explained.push(NameLookup { name, reason, domain, servers: reached });
        }
        Ok((resolver, explained))
    }

    /// The rule of our firewall that refuses questions to a DNS server.
    fn refusal(&self, server: IpAddr, output: &str) -> Option<String> {
        const DNS: (Transport, u16) = (Transport::Udp, 53);
        let packet = Packet::new(Way::Out(output.to_owned()), server, Some(DNS));
        let decision = self.firewall.decide(&self.journal.entries().firewall, &packet)?;
        (!decision.passes).then_some(decision.rule)
    }
}
