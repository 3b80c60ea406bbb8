//! Whether a name that is looked up starts the tunnel.

use std::net::IpAddr;

use super::{ConnectionAction, EvaluateConnectionRule, ProbeResult, domain};

/// What is to be done next for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionStep {
    /// Look the name up past the tunnel: at these servers, or, if absent, at the network's own.
    Resolve(Option<Vec<IpAddr>>),
    /// Ask this URL past the tunnel, without following a redirection.
    Probe(String),
    /// Start the tunnel.
    Connect {
        /// By this rule of the list.
        rule: usize,
        /// Why, in the middle of a sentence.
        reason: String,
    },
    /// Start nothing.
    DoNotConnect {
        /// By this rule of the list; absent when none is about the name.
        rule: Option<usize>,
    },
}

/// What is known so far about a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnectionFindings {
    /// What came of looking it up.
    pub resolution: Option<Resolution>,
    /// What came of the probe.
    pub probe: Option<ProbeResult>,
}

/// What came of looking a name up past the tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It has an address.
    Resolved,
    /// It has none, or nobody answered.
    Failed {
        /// Why, in the middle of a sentence.
        reason: String,
    },
}

impl ConnectionStep {
    /// The next step for `name`, of whatever case and alphabet: the first rule that is about it
    /// decides. Spec OD-6, OD-15 to OD-21.
    #[must_use]
    pub fn of(rules: &[EvaluateConnectionRule], name: &str, findings: &ConnectionFindings) -> Self {
        let is_meant = |rule: &EvaluateConnectionRule| {
            rule.unknown.is_empty()
                && rule.domains.iter().any(|domain| domain::covers(domain, name))
        };
        let Some(index) = rules.iter().position(is_meant) else {
            return Self::DoNotConnect { rule: None };
        };
        match &rules[index].action {
            ConnectionAction::NeverConnect => Self::DoNotConnect { rule: Some(index) },
            ConnectionAction::ConnectIfNeeded { dns_servers, probe_url } => {
                Self::if_needed(index, dns_servers.as_ref(), probe_url.as_deref(), findings)
            }
        }
    }

    fn if_needed(
        rule: usize,
        dns_servers: Option<&Vec<IpAddr>>,
        probe_url: Option<&str>,
        findings: &ConnectionFindings,
    ) -> Self {
        let connect = |reason: String| Self::Connect { rule, reason };
        if dns_servers.is_some_and(Vec::is_empty) {
            return connect("there is no server to ask".into());
        }
        match &findings.resolution {
            None => return Self::Resolve(dns_servers.cloned()),
            Some(Resolution::Failed { reason }) => return connect(reason.clone()),
            Some(Resolution::Resolved) => {}
        }
        match (probe_url, &findings.probe) {
            (None, _) => Self::DoNotConnect { rule: Some(rule) },
            (Some(url), None) => Self::Probe(url.into()),
            (Some(_), Some(result)) if result.succeeded() => {
                Self::DoNotConnect { rule: Some(rule) }
            }
            (Some(url), Some(result)) => connect(format!("of {url}, {result}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // spec: OD-16
    #[test]
    fn the_first_rule_about_a_name_decides() {
        let rules = rules();
        let step = |name| ConnectionStep::of(&rules, name, &ConnectionFindings::default());
        assert_eq!(step("WIKI.corp.example."), ConnectionStep::DoNotConnect { rule: Some(0) });
        assert_eq!(step("git.corp.example"), ConnectionStep::Resolve(None));
        assert_eq!(step("www.notcorp.example"), ConnectionStep::DoNotConnect { rule: None });
        assert_eq!(step("10.0.0.1"), ConnectionStep::DoNotConnect { rule: None });
    }

    // spec: OD-21, D-7, D-8
    #[test]
    fn whatever_fails_connects() {
        let failed = || Resolution::Failed { reason: "the name does not exist".into() };
        let resolved = Some(Resolution::Resolved);
        let answered = |status| Some(ProbeResult::Answered { status });
        let of = |name, resolution, probe| {
            ConnectionStep::of(&rules(), name, &ConnectionFindings { resolution, probe })
        };
        let connect = |rule, reason: &str| ConnectionStep::Connect { rule, reason: reason.into() };
        let stay = |rule| ConnectionStep::DoNotConnect { rule: Some(rule) };

        let plain = "git.corp.example";
        assert_eq!(of(plain, resolved.clone(), None), stay(1));
        assert_eq!(of(plain, Some(failed()), None), connect(1, "the name does not exist"));

        let servers = vec!["10.0.0.53".parse().unwrap()];
        let both = "x.both.example";
        assert_eq!(of(both, None, None), ConnectionStep::Resolve(Some(servers)));
        assert_eq!(of(both, Some(failed()), None), connect(2, "the name does not exist"));
        let probe = ConnectionStep::Probe("http://probe.example/".into());
        assert_eq!(of(both, resolved.clone(), None), probe);
        assert_eq!(of(both, resolved.clone(), answered(200)), stay(2));
        let redirected = connect(2, "of http://probe.example/, it redirects elsewhere (302)");
        assert_eq!(of(both, resolved.clone(), answered(302)), redirected);

        assert_eq!(of("none.example", None, None), connect(3, "there is no server to ask"));
    }

    fn rules() -> Vec<EvaluateConnectionRule> {
        serde_json::from_value(json!([
            {"domains": ["wiki.corp.example"], "action": "neverConnect"},
            {"domains": ["corp.example"], "action": "connectIfNeeded"},
            {"domains": ["both.example"], "action": "connectIfNeeded",
             "dnsServers": ["10.0.0.53"], "probeUrl": "http://probe.example/"},
            {"domains": ["none.example"], "action": "connectIfNeeded", "dnsServers": []},
        ]))
        .unwrap()
    }
}
