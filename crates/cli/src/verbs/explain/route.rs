//! `adit explain route`

use std::net::IpAddr;

use adit_api::{Entry, ExplainRoute, List};
use adit_model::{RouteExplanation, RouteOutcome};
use serde::Serialize;

use super::tunnel::named;
use crate::{context::Context, failure::Failure, output::Report, page::Page};

pub(super) async fn run(address: IpAddr, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let explanation = helper.call(&ExplainRoute { address }).await?.explanation;
    let entries = helper.call(&List {}).await?.entries;
    context.output.report(&Answer { explanation, address, entries })
}

#[derive(Serialize)]
#[serde(transparent)]
struct Answer {
    explanation: RouteExplanation,
    #[serde(skip)]
    address: IpAddr,
    /// For the names of tunnels.
    #[serde(skip)]
    entries: Vec<Entry>,
}

impl Report for Answer {
    fn write(&self, page: &mut Page) {
        let RouteExplanation { rule, route, firewall, .. } = &self.explanation;
        page.line(&self.outcome());
        page.list("Rule", rule);
        page.list("Route", route);
        page.list("Firewall", firewall);
    }
}

impl Answer {
    fn outcome(&self) -> String {
        let Self {
            explanation: RouteExplanation { outcome, interface, rule, .. }, address, ..
        } = self;
        let through =
            interface.as_deref().map(|name| named(name, &self.entries)).unwrap_or_default();
        match outcome {
            RouteOutcome::Leaves => format!("{address} goes through {through}."),
            RouteOutcome::ThisComputer => format!("{address} is this computer."),
            RouteOutcome::RefusedByRoutes if rule.is_none() => {
                format!("{address} is refused: no route leads there.")
            }
            RouteOutcome::RefusedByRoutes => format!("{address} is refused by the routes."),
            RouteOutcome::RefusedByFirewall => {
                format!("{address} would go through {through}, but Adit refuses it.")
            }
        }
    }
}
