//! The keys of on demand (spec ODP-1 to ODP-16), both ways.

use std::net::IpAddr;

use adit_model::on_demand::{
    ConnectionAction, DnsServerMatch, DnsServerMode, EvaluateConnectionRule, InterfaceType,
    OnDemandAction, OnDemandRule, OnDemandSettings, RuleConditions, Ssid,
};
use plist::{Dictionary, Value};

use super::{
    ProfileError,
    reader::{Reader, Unread},
};
use crate::{Note, NoteCode};

/// Reads what the `VPN` dictionary says about on demand.
pub(super) fn read(
    vpn: &Reader<'_>,
    notes: &mut Vec<Note>,
) -> Result<OnDemandSettings, ProfileError> {
    let legacy = legacy_rules(vpn, notes)?;
    let rules = match vpn.dictionaries("OnDemandRules")? {
        Some(rules) => rules
            .iter()
            .map(|rule| {
                let read = read_rule(rule, &legacy, notes);
                notes.extend(rule.unread().iter().map(Unread::note));
                read
            })
            .collect::<Result<_, _>>()?,
        None if legacy.is_empty() => Vec::new(),
        None => vec![OnDemandRule::always(OnDemandAction::EvaluateConnection(legacy))],
    };
    Ok(OnDemandSettings {
        enabled: vpn.flag("OnDemandEnabled")?.unwrap_or_default(),
        rules,
        user_override_disabled: vpn.flag("OnDemandUserOverrideDisabled")?.unwrap_or_default(),
        idle_timeout: idle_timeout(vpn)?,
        ..OnDemandSettings::default()
    })
}

fn idle_timeout(vpn: &Reader<'_>) -> Result<Option<u32>, ProfileError> {
    let wanted = vpn.flag("DisconnectOnIdle")?.unwrap_or_default();
    let seconds = vpn.number("DisconnectOnIdleTimer")?;
    Ok(seconds.filter(|seconds| wanted && *seconds > 0))
}

/// The lists from before there were rules; the most exact comes first (ODP-15).
fn legacy_rules(
    vpn: &Reader<'_>,
    notes: &mut Vec<Note>,
) -> Result<Vec<EvaluateConnectionRule>, ProfileError> {
    let domains = |key| -> Result<Vec<String>, ProfileError> {
        let domains = vpn.texts(key)?.unwrap_or_default();
        Ok(domains.into_iter().map(|domain| domain.trim_start_matches('.').to_owned()).collect())
    };
    let never = domains("OnDemandMatchDomainsNever")?;
    let always = domains("OnDemandMatchDomainsAlways")?;
    let if_needed = [always, domains("OnDemandMatchDomainsOnRetry")?].concat();
    if vpn.has("OnDemandMatchDomainsAlways") {
        let path = vpn.path_of("OnDemandMatchDomainsAlways");
        let text =
            format!("{path} connects when a name cannot be resolved otherwise, as on Apple’s.");
        notes.push(Note::notice(NoteCode::ProfileDomainsAlways, text).about(&path));
    }
    let if_needed_action = ConnectionAction::ConnectIfNeeded { dns_servers: None, probe_url: None };
    let rule = EvaluateConnectionRule::new;
    let rules = [rule(never, ConnectionAction::NeverConnect), rule(if_needed, if_needed_action)];
    Ok(rules.into_iter().filter(|rule| !rule.domains.is_empty()).collect())
}

fn read_rule(
    rule: &Reader<'_>,
    legacy: &[EvaluateConnectionRule],
    notes: &mut Vec<Note>,
) -> Result<OnDemandRule, ProfileError> {
    let action = match rule.required_text("Action")? {
        "Connect" => OnDemandAction::Connect { eager: false },
        "Disconnect" => OnDemandAction::Disconnect,
        "Ignore" => OnDemandAction::Ignore,
        "Allow" => {
            let path = rule.path_of("Action");
            let text = format!("{path} is Allow, which Apple has given up; the old lists decide.");
            notes.push(Note::notice(NoteCode::ProfileAllow, text).about(&path));
            match legacy {
                [] => OnDemandAction::Ignore,
                rules => OnDemandAction::EvaluateConnection(rules.to_vec()),
            }
        }
        "EvaluateConnection" => {
            let rules = rule.dictionaries("ActionParameters")?.unwrap_or_default();
            let read = rules.iter().map(|rule| read_connection_rule(rule, notes));
            OnDemandAction::EvaluateConnection(read.collect::<Result<_, _>>()?)
        }
        _ => {
            let reason = "must be Connect, Disconnect, EvaluateConnection or Ignore";
            return Err(rule.wrong("Action", reason));
        }
    };
    Ok(OnDemandRule { action, conditions: read_conditions(rule)? })
}

fn read_conditions(rule: &Reader<'_>) -> Result<RuleConditions, ProfileError> {
    let interface_type = rule
        .text("InterfaceTypeMatch")?
        .map(|interface| match interface {
            "Ethernet" => Ok(InterfaceType::Ethernet),
            "WiFi" => Ok(InterfaceType::WiFi),
            "Cellular" => Ok(InterfaceType::Cellular),
            _ => Err(rule.wrong("InterfaceTypeMatch", "must be Ethernet, WiFi or Cellular")),
        })
        .transpose()?;
    let servers = rule.texts("DNSServerAddressMatch")?.map(|servers| {
        let parse = |text: &str| text.parse();
        let servers = servers.into_iter().map(parse).collect::<Result<_, _>>();
        servers.map(|servers| DnsServerMatch { mode: DnsServerMode::Any, servers }).map_err(
            |error: adit_model::on_demand::InvalidPattern| {
                rule.wrong("DNSServerAddressMatch", error.to_string())
            },
        )
    });
    // Here a backslash is a backslash.
    let ssid = |name: &str| Ssid::from_bytes(name.as_bytes());
    Ok(RuleConditions {
        interface_type,
        ssids: rule.texts("SSIDMatch")?.map(|names| names.into_iter().map(ssid).collect()),
        search_domains: owned(rule.texts("DNSDomainMatch")?),
        dns_servers: servers.transpose()?,
        probe_url: rule.text("URLStringProbe")?.map(Into::into),
        ..RuleConditions::default()
    })
}

fn read_connection_rule(
    rule: &Reader<'_>,
    notes: &mut Vec<Note>,
) -> Result<EvaluateConnectionRule, ProfileError> {
    let domains = rule.texts("Domains")?;
    let domains = domains.ok_or_else(|| ProfileError::Missing { path: rule.path_of("Domains") })?;
    let action = match rule.required_text("DomainAction")? {
        "NeverConnect" => ConnectionAction::NeverConnect,
        "ConnectIfNeeded" => ConnectionAction::ConnectIfNeeded {
            dns_servers: rule
                .texts("RequiredDNSServers")?
                .map(|servers| addresses(rule, &servers))
                .transpose()?,
            probe_url: rule.text("RequiredURLStringProbe")?.map(Into::into),
        },
        _ => {
            return Err(rule.wrong("DomainAction", "must be ConnectIfNeeded or NeverConnect"));
        }
    };
    notes.extend(rule.unread().iter().map(Unread::note));
    let domains = domains.into_iter().map(Into::into).collect();
    Ok(EvaluateConnectionRule::new(domains, action))
}

fn addresses(rule: &Reader<'_>, servers: &[&str]) -> Result<Vec<IpAddr>, ProfileError> {
    let parse = |server: &&str| server.parse();
    servers
        .iter()
        .map(parse)
        .collect::<Result<_, _>>()
        .map_err(|_| rule.wrong("RequiredDNSServers", "must be IP addresses"))
}

fn owned(texts: Option<Vec<&str>>) -> Option<Vec<String>> {
    texts.map(|texts| texts.into_iter().map(Into::into).collect())
}

/// Writes into the `VPN` dictionary what can be said there. A rule with a condition that Apple does
/// not have is left out: without it, it would match elsewhere too.
pub(super) fn write(settings: &OnDemandSettings, vpn: &mut Dictionary) {
    let OnDemandSettings { enabled, rules, user_override_disabled, idle_timeout, unknown: _ } =
        settings;
    set(vpn, "OnDemandEnabled", i64::from(*enabled));
    if *user_override_disabled {
        set(vpn, "OnDemandUserOverrideDisabled", 1);
    }
    if let Some(seconds) = idle_timeout {
        set(vpn, "DisconnectOnIdle", 1);
        set(vpn, "DisconnectOnIdleTimer", i64::from(*seconds));
    }
    let rules: Vec<Value> = rules.iter().filter_map(write_rule).map(Value::from).collect();
    if !rules.is_empty() {
        set(vpn, "OnDemandRules", rules);
    }
}

fn write_rule(OnDemandRule { action, conditions }: &OnDemandRule) -> Option<Dictionary> {
    let mut rule = Dictionary::new();
    let name = match action {
        OnDemandAction::Connect { eager: _ } => "Connect",
        OnDemandAction::Disconnect => "Disconnect",
        OnDemandAction::Ignore => "Ignore",
        OnDemandAction::EvaluateConnection(rules) => {
            let known = rules.iter().filter(|rule| rule.unknown.is_empty());
            let rules: Vec<Value> = known.map(write_connection_rule).collect();
            set(&mut rule, "ActionParameters", rules);
            "EvaluateConnection"
        }
    };
    set(&mut rule, "Action", name);
    write_conditions(conditions, &mut rule)?;
    Some(rule)
}

fn write_conditions(conditions: &RuleConditions, rule: &mut Dictionary) -> Option<()> {
    let RuleConditions {
        interface_type,
        ssids,
        bssids: None,
        search_domains,
        dns_servers,
        gateway_macs: None,
        metered: None,
        connection_ids: None,
        time: None,
        probe_url,
        unknown,
    } = conditions
    else {
        return None;
    };
    if !unknown.is_empty() {
        return None;
    }
    if let Some(interface) = interface_type {
        let name = match interface {
            InterfaceType::Ethernet => "Ethernet",
            InterfaceType::WiFi => "WiFi",
            InterfaceType::Cellular => "Cellular",
        };
        set(rule, "InterfaceTypeMatch", name);
    }
    if let Some(ssids) = ssids {
        let text = |ssid: &Ssid| std::str::from_utf8(ssid.as_bytes()).ok().map(Value::from);
        set(rule, "SSIDMatch", ssids.iter().map(text).collect::<Option<Vec<_>>>()?);
    }
    if let Some(domains) = search_domains {
        set(rule, "DNSDomainMatch", texts(domains));
    }
    if let Some(DnsServerMatch { mode, servers }) = dns_servers {
        match mode {
            DnsServerMode::Any => set(rule, "DNSServerAddressMatch", texts(servers)),
            DnsServerMode::All => return None,
        }
    }
    if let Some(url) = probe_url {
        set(rule, "URLStringProbe", url.as_str());
    }
    Some(())
}

fn write_connection_rule(
    EvaluateConnectionRule { domains, action, unknown: _ }: &EvaluateConnectionRule,
) -> Value {
    let mut rule = Dictionary::new();
    set(&mut rule, "Domains", texts(domains));
    match action {
        ConnectionAction::NeverConnect => set(&mut rule, "DomainAction", "NeverConnect"),
        ConnectionAction::ConnectIfNeeded { dns_servers, probe_url } => {
            set(&mut rule, "DomainAction", "ConnectIfNeeded");
            if let Some(servers) = dns_servers {
                set(&mut rule, "RequiredDNSServers", texts(servers));
            }
            if let Some(url) = probe_url {
                set(&mut rule, "RequiredURLStringProbe", url.as_str());
            }
        }
    }
    rule.into()
}

fn set(dictionary: &mut Dictionary, key: &str, value: impl Into<Value>) {
    dictionary.insert(key.into(), value.into());
}

fn texts(items: &[impl ToString]) -> Vec<Value> {
    items.iter().map(|item| item.to_string().into()).collect()
}
