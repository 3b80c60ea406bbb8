//! `adit explain route`

use std::{fmt, net::SocketAddr};

use adit_api::{Entry, ExplainRoute, List};
use adit_model::{RouteExplanation, RouteOutcome, TransportPort, TransportProtocol};
use serde::Serialize;

use super::tunnel::named;
use crate::{
    args::{Destination, Protocol},
    context::Context,
    failure::Failure,
    output::Report,
    page::Page,
};

pub(super) async fn run(
    destination: Destination,
    protocol: Protocol,
    context: &Context,
) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let protocol = match protocol {
        Protocol::Tcp => TransportProtocol::Tcp,
        Protocol::Udp => TransportProtocol::Udp,
    };
    let port = destination.port.map(|number| TransportPort { number, protocol });
    let explanation = helper.call(&ExplainRoute { address: destination.address, port }).await?;
    let explanation = explanation.explanation;
    let entries = helper.call(&List {}).await?.entries;
    context.output.report(&Answer { explanation, destination, entries })
}

#[derive(Serialize)]
#[serde(transparent)]
struct Answer {
    explanation: RouteExplanation,
    #[serde(skip)]
    destination: Destination,
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
            explanation: RouteExplanation { outcome, interface, rule, .. },
            destination,
            ..
        } = self;
        let through =
            interface.as_deref().map(|name| named(name, &self.entries)).unwrap_or_default();
        match outcome {
            RouteOutcome::Leaves => format!("{destination} goes through {through}."),
            RouteOutcome::ThisComputer => format!("{destination} is this computer."),
            RouteOutcome::RefusedByRoutes if rule.is_none() => {
                format!("{destination} is refused: no route leads there.")
            }
            RouteOutcome::RefusedByRoutes => format!("{destination} is refused by the routes."),
            RouteOutcome::RefusedByFirewall => {
                format!("{destination} would go through {through}, but Adit refuses it.")
            }
        }
    }
}

/// As it was asked for.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.address, port).fmt(f),
            None => self.address.fmt(f),
        }
    }
}
