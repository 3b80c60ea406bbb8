//! `adit explain dns`

use adit_api::{DnsExplanation, Entry, ExplainDns, List};
use adit_model::{LookupReason, LookupServer, NameLookup};
use serde::Serialize;

use super::tunnel::named;
use crate::{context::Context, failure::Failure, output::Report, page::Page};

pub(super) async fn run(name: String, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let explanation = helper.call(&ExplainDns { name }).await?;
    let entries = helper.call(&List {}).await?.entries;
    context.output.report(&Explanation { explanation, entries })
}

#[derive(Serialize)]
#[serde(transparent)]
struct Explanation {
    explanation: DnsExplanation,
    /// For the names of tunnels.
    #[serde(skip)]
    entries: Vec<Entry>,
}

impl Report for Explanation {
    fn write(&self, page: &mut Page) {
        for (number, lookup) in self.explanation.lookups.iter().enumerate() {
            if number == 1 {
                page.line("If that does not exist, in this order:");
            }
            page.line(&lookup.name);
            let servers: Vec<String> =
                lookup.servers.iter().map(|server| self.server(server)).collect();
            let asked = if servers.is_empty() { vec!["nobody".into()] } else { servers };
            page.list("Asked", asked);
            page.field("Because", &self.because(lookup));
        }
        page.field("Decided by", &self.explanation.resolver.to_string());
    }
}

impl Explanation {
    fn server(&self, server: &LookupServer) -> String {
        let LookupServer { address, asks, interface, refused_by } = server;
        let Some(interface) = interface else { return format!("{address}, to which no way leads") };
        let through = named(interface, &self.entries);
        if let Some(asked) = asks {
            return format!("{asked} through {through}; programs ask Adit at {address}");
        }
        let refused = refused_by.as_ref().map(|rule| format!(", but Adit refuses it: {rule}"));
        format!("{address} through {through}{}", refused.unwrap_or_default())
    }

    fn because(&self, lookup: &NameLookup) -> String {
        match (lookup.reason, lookup.domain.as_deref()) {
            (LookupReason::Hosts, _) => "/etc/hosts has it".into(),
            (LookupReason::ThisComputer, _) => "every computer answers that by itself".into(),
            (LookupReason::Domain, Some(".")) => "they answer all names before anybody else".into(),
            (LookupReason::Domain, domain) => {
                format!("they answer what is in {}", domain.unwrap_or_default())
            }
            (LookupReason::DefaultRoute, _) => "nobody claims a domain that it is in".into(),
            (LookupReason::OneList, _) => {
                "there is one list of servers for all names, in /etc/resolv.conf".into()
            }
            (LookupReason::SingleLabel, _) => {
                format!("{} asks no server for names without a domain", self.explanation.resolver)
            }
            (LookupReason::NoServers, _) => "no DNS server is known".into(),
        }
    }
}
