//! Finding out which rule is the current one.

use adit_model::on_demand::{NetworkState, OnDemandRule, ProbeResults, Step, Verdict, evaluate};
use adit_network::{Network, probe};
use jiff::Zoned;

/// Asks what has to be asked for it, past the tunnels. Whoever calls drops this when the network
/// changes: what comes of it is void then (OD-14).
pub(crate) async fn judge(
    network: &Network,
    rules: &[OnDemandRule],
    state: &NetworkState,
) -> Verdict {
    let mut probes = ProbeResults::new(state.generation);
    loop {
        match evaluate(rules, state, Zoned::now().datetime(), &probes) {
            Step::Probe(url) => {
                let result = probe::probe(network, &url).await;
                tracing::debug!(%url, %result, "a rule’s probe");
                probes.add(state.generation, url, result);
            }
            Step::Verdict(verdict) => return verdict,
        }
    }
}
