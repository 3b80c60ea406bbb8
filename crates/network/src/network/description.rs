//! All that the kernel has of the network at this moment, as text for people.

use adit_model::{Family, NetworkDescription};

use super::reconcile::Reconciler;
use crate::{error::NetworkError, ip_option};

/// How much is told of each, so that it fits into a message.
const MOST_LINES: usize = 3000;

impl Reconciler {
    pub(super) async fn describe(&self) -> Result<NetworkDescription, NetworkError> {
        let links = self.netlink.links().await?;
        let link = links.iter().map(|link| {
            let state = if link.up { "up" } else { "down" };
            format!("link {} mtu {} {state}", link.name, link.mtu)
        });
        let name = |index| links.iter().find(|link| link.index == index);
        let found = self.netlink.all_addresses().await?;
        let address = found
            .iter()
            .filter_map(|(index, net)| Some(format!("address {net} dev {}", name(*index)?.name)));
        let mut rules = Vec::new();
        for family in Family::ALL {
            let found = self.netlink.policy_rules(family).await?;
            rules.extend(found.iter().map(|rule| format!("{} {rule}", ip_option(family))));
        }
        let found = self.netlink.table_routes().await?;
        let route = found
            .iter()
            .map(|route| format!("{} {route}", ip_option(Family::of(&route.destination))));
        let firewall = self.firewall.describe(&self.journal.entries().firewall);
        Ok(NetworkDescription {
            addresses: shortened(link.chain(address).collect()),
            rules: shortened(rules),
            routes: shortened(route.collect()),
            firewall: shortened(firewall.lines().map(str::to_owned).collect()).join("\n"),
        })
    }
}

fn shortened(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    lines.extend((more > 0).then(|| format!("and {more} more")));
    lines
}
