//! `adit show`

use adit_api::{Entry, Get, Got, Providers};
use adit_model::{
    DnsProtocol, Enablement, ProxyMode, ProxyServer, ProxySettings, RoutingMethod, Scope, Secrets,
    StartCause, VpnConfiguration, shell_word, wireguard::WireGuardConfiguration,
};
use adit_profile::wireguard_of;
use adit_sentence::{Language, Traffic};
use serde::Serialize;

use crate::{
    args::Show,
    context::{Context, find},
    failure::Failure,
    output::Report,
    page::Page,
};

pub(super) async fn run(arguments: Show, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let id = find(&mut helper, &arguments.name).await?.configuration.id;
    let Got { entry, secrets, .. } =
        helper.call(&Get { id, include_secrets: arguments.secrets }).await?;
    let Entry { configuration, session } = entry;
    let installed = helper.call(&Providers {}).await?.providers;
    let provider = installed.into_iter().find(|it| it.id == configuration.protocol.provider_id);
    let tunnel_kinds = provider.map(|provider| provider.kinds).unwrap_or_default();
    let start_cause = session.start_cause;
    let shown = Shown { configuration, tunnel_kinds, start_cause, secrets };
    context.output.report(&shown)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    configuration: VpnConfiguration,
    /// Nobody knows while the provider is not installed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tunnel_kinds: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_cause: Option<StartCause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secrets: Option<Secrets>,
}

impl Report for Shown {
    fn write(&self, page: &mut Page) {
        let configuration = &self.configuration;
        let protocol = &configuration.protocol;
        page.line(&configuration.name);
        page.field("Id", &configuration.id.to_string());
        page.field(
            "From",
            &configuration.managed_by.as_ref().map_or_else(String::new, |file| {
                format!("{file}, and it changes and goes with that")
            }),
        );
        page.field("Provider", &protocol.provider_id);
        page.list("Kind", &self.tunnel_kinds);
        page.field("Server", &protocol.server_address);
        page.field("User name", protocol.username.as_deref().unwrap_or_default());
        page.field(
            "May connect",
            match configuration.enablement {
                Enablement::Enabled => "yes",
                Enablement::SetAside => "yes, in place of the one that has the default route",
                Enablement::Disabled => "no, it is disabled",
            },
        );
        page.field(
            "For",
            match configuration.scope {
                Scope::User => "its owner",
                Scope::System => "everybody on this computer",
            },
        );
        let viewer = rustix::process::geteuid().as_raw();
        page.list("Started", self.start_cause.as_ref().map(|cause| cause.words(viewer)));
        let traffic =
            Traffic::expected(configuration).sentence(&protocol.server_address, Language::English);
        page.field("Traffic", &traffic.unwrap_or_default());
        let kind = match configuration.routing_method {
            RoutingMethod::DestinationIp => None,
            RoutingMethod::SourceApplication => Some(format!(
                "per-app; start apps with: adit run {} -- COMMAND",
                shell_word(&configuration.name)
            )),
        };
        page.list("Kind", kind);
        page.list("Options", options(configuration));
        if configuration.on_demand.enabled {
            page.list("On demand", &configuration.on_demand.rules);
        }
        if let Some(dns) = &protocol.dns {
            page.line("DNS of its profile");
            page.list("Servers", &dns.servers);
            page.list("Asked", encryption(&dns.protocol));
            page.list("Search", &dns.search_domains);
            page.list("For", dns.match_domains.iter().flatten().map(|name| all_or(name)));
        }
        if let Some(proxy) = &protocol.proxy {
            write_proxy(proxy, page);
        }
        match wireguard_of(configuration) {
            Some(wireguard) => write_wireguard(&wireguard, page),
            None if protocol.provider_configuration.is_empty() => {}
            None => write_json(&protocol.provider_configuration, page),
        }
        if let Some(secrets) = &self.secrets {
            page.line("Secrets");
            for (name, secret) in secrets {
                page.part(&format!("{name}  {}", secret.expose()));
            }
        }
    }
}

fn options(configuration: &VpnConfiguration) -> Vec<&'static str> {
    let protocol = &configuration.protocol;
    [
        (protocol.include_all_networks, "nothing leaves but through the tunnel"),
        (protocol.exclude_local_networks, "the local network stays outside"),
        (protocol.enforce_routes, "its routes beat those of the system"),
        (protocol.disconnect_on_sleep, "disconnects before the computer sleeps"),
    ]
    .into_iter()
    .filter_map(|(set, text)| set.then_some(text))
    .collect()
}

fn write_wireguard(wireguard: &WireGuardConfiguration, page: &mut Page) {
    page.list("Addresses", &wireguard.addresses);
    page.list("DNS", &wireguard.dns_servers);
    page.list("Asked", encryption(&wireguard.dns_protocol));
    page.list("For", wireguard.match_domains.iter().flatten().map(|name| all_or(name)));
    page.list("Search", &wireguard.search_domains);
    page.list("MTU", wireguard.mtu);
    page.list("Port", wireguard.listen_port);
    page.list("Not run", wireguard.scripts.iter().map(|(key, line)| format!("{key} = {line}")));
    for peer in &wireguard.peers {
        page.line(&format!("Peer {}", peer.public_key));
        page.list("Endpoint", &peer.endpoint);
        page.list("Networks", &peer.allowed_ips);
        page.list("Keepalive", peer.persistent_keepalive.map(|seconds| format!("{seconds} s")));
    }
}

/// As the window says it.
const ADVICE: &str = "On Linux, proxies are advice: most programs follow them,\n\
                      and some ignore them and go through the tunnel without.";

/// Spec PXY-11, PXY-12.
fn write_proxy(proxy: &ProxySettings, page: &mut Page) {
    page.line("Proxy");
    match &proxy.mode {
        ProxyMode::Script(_) => page.field("Script", "in the configuration"),
        ProxyMode::ScriptUrl(url) => page.field("Script", &format!("at {url}, through the tunnel")),
        ProxyMode::Servers { http, https } => {
            page.list("For http", http.as_ref().map(server));
            page.list("For https", https.as_ref().map(server));
        }
    }
    page.list("Only for", proxy.match_domains.iter().flatten().map(|name| all_or(name)));
    page.list("Not for", &proxy.exception_list);
    if proxy.exclude_simple_hostnames {
        page.field("Nor for", "names without a dot");
    }
    page.field("Note", ADVICE);
}

fn server(server: &ProxyServer) -> String {
    let place = format!("{}:{}", server.host(), server.port);
    server.username.as_ref().map_or(place.clone(), |name| {
        format!("{place}, which knows you as {name}. Programs ask for the password.")
    })
}

fn encryption(protocol: &DnsProtocol) -> Option<String> {
    match protocol {
        DnsProtocol::Cleartext => None,
        DnsProtocol::Tls { server_name } => Some(format!("over TLS as {server_name}")),
        DnsProtocol::Https { server_url } => Some(format!("over HTTPS at {server_url}")),
    }
}

/// The empty domain is all names.
fn all_or(domain: &str) -> &str {
    if domain.is_empty() { "all names" } else { domain }
}

fn write_json(value: &impl Serialize, page: &mut Page) {
    // A value that cannot be printed is better left out than in the way of the rest.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    page.line("Provider configuration");
    page.part(&text);
}
