//! `adit on-demand explain`

use adit_api::{Entry, ExplainOnDemand, HelperClient, List};
use adit_model::{
    InterfaceKind,
    on_demand::{ConditionOutcome, NetworkState, PrimaryNetwork, RuleOutcome, RuleTrace, Verdict},
};
use adit_sentence::{Language, on_demand};
use serde::Serialize;

use crate::{context::Context, failure::Failure, output::Report, page::Page, select::select};

pub(super) async fn run(
    name: Option<&str>,
    helper: &mut HelperClient,
    context: &Context,
) -> Result<(), Failure> {
    let entries = helper.call(&List {}).await?.entries;
    let has_rules = |entry: &Entry| !entry.configuration.on_demand.rules.is_empty();
    let wanted: Vec<Entry> = if let Some(name) = name {
        vec![select(&entries, name)?.clone()]
    } else {
        entries.into_iter().filter(has_rules).collect()
    };
    let mut network = helper.call(&ExplainOnDemand { id: None }).await?.network;
    let mut configurations = Vec::new();
    for entry in wanted {
        let id = Some(entry.configuration.id);
        let explanation = helper.call(&ExplainOnDemand { id }).await?;
        network = explanation.network;
        let verdict = explanation.verdict.unwrap_or_default();
        configurations.push(Explained { entry, verdict });
    }
    context.output.report(&Explanation { network, configurations })
}

#[derive(Serialize)]
struct Explanation {
    network: NetworkState,
    configurations: Vec<Explained>,
}

#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    entry: Entry,
    verdict: Verdict,
}

impl Report for Explanation {
    fn write(&self, page: &mut Page) {
        match &self.network.primary {
            Some(primary) => write_network(primary, page),
            None => page.line("This computer is offline."),
        }
        for explained in &self.configurations {
            page.blank();
            explained.write(page);
        }
    }
}

impl Explained {
    fn write(&self, page: &mut Page) {
        let Entry { configuration, session } = &self.entry;
        let status = match &session.on_demand {
            Some(status) => on_demand(status, Language::English),
            None => "On demand is off; the rules do not count.".into(),
        };
        page.line(&format!("{}: {status}", configuration.name));
        for rule in &self.verdict.trace {
            write_rule(rule, page);
        }
        if self.verdict.trace.is_empty() {
            page.line("  It has no rules.");
        } else if self.verdict.current.is_none() {
            page.line("  No rule is for this network: nothing begins or ends by itself.");
        }
    }
}

fn write_network(primary: &PrimaryNetwork, page: &mut Page) {
    let kind = match primary.kind {
        InterfaceKind::Ethernet => "Ethernet",
        InterfaceKind::WiFi => "Wi-Fi",
        InterfaceKind::Cellular => "mobile network",
        InterfaceKind::Other => "other",
    };
    page.field("Interface", &format!("{} ({kind})", primary.interface));
    if let Some(ssid) = &primary.ssid {
        page.field("Wi-Fi", &format!("“{ssid}”"));
    }
    if let Some(bssid) = primary.bssid {
        page.field("Access point", &bssid.to_string());
    }
    page.list(
        "Routers",
        primary.gateways.iter().map(|gateway| match gateway.mac {
            Some(mac) => format!("{} ({mac})", gateway.address),
            None => gateway.address.to_string(),
        }),
    );
    page.list("DNS servers", &primary.dns_servers);
    page.list("Search", &primary.search_domains);
    if let Some(id) = &primary.connection_id {
        page.field("Connection", &format!("“{id}”"));
    }
    if let Some(metered) = primary.metered {
        page.field("Metered", if metered { "yes" } else { "no" });
    }
    if primary.captive_portal {
        page.field("Sign-in", "somebody has to sign in before the internet is reached");
    }
}

fn write_rule(rule: &RuleTrace, page: &mut Page) {
    let outcome = match rule.outcome {
        RuleOutcome::Matched => "this one counts",
        RuleOutcome::NotMatched => "does not match",
        RuleOutcome::NotReached => "was not looked at",
    };
    page.line(&format!("  {}. {} ({outcome})", rule.index + 1, rule.rule));
    for condition in &rule.conditions {
        let outcome = match condition.outcome {
            ConditionOutcome::Held => "yes",
            ConditionOutcome::Failed => "no",
            ConditionOutcome::NotAsked => "not asked",
        };
        page.line(&format!("     {}: {outcome}, {}", condition.condition, condition.seen));
    }
}
