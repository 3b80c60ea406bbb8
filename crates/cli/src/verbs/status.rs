//! `adit status`

use adit_api::{
    CallError, Counters, Details, Entry, HelperClient, HelperError, List, Listing, ServiceError,
    SessionDetails,
};
use adit_model::{
    DnsSettings, IpSettings, MachineStatus, PacketTunnelNetworkSettings, Prefix, SessionStatus,
    Severity, on_demand::OnDemandStatus,
};
use adit_sentence::{Glyph, Language, bytes, enumeration, local_time, sentence};
use ipnet::IpNet;
use jiff::Timestamp;
use serde::Serialize;

use super::status_of_provider;
use crate::{
    args::Status, context::Context, failure::Failure, hint, machine, output::Report, page::Page,
    select::select,
};

pub(super) async fn run(arguments: Status, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let Listing { entries, machine } = helper.call(&List {}).await?;
    let now = Timestamp::now();
    if let Some(name) = &arguments.name {
        let entry = select(&entries, name)?.clone();
        let state = State::load(entry, now, &mut helper).await?;
        return context.output.report(&OneState { state, machine });
    }
    let mut configurations = Vec::new();
    for entry in entries {
        configurations.push(State::load(entry, now, &mut helper).await?);
    }
    context.output.report(&States { machine, configurations })
}

/// Everything that is to be said of one configuration.
#[derive(Serialize)]
struct State {
    #[serde(flatten)]
    entry: Entry,
    sentence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<SessionDetails>,
    #[serde(skip)]
    glyph: Glyph,
    #[serde(skip)]
    now: Timestamp,
}

#[derive(Serialize)]
struct OneState {
    #[serde(flatten)]
    state: State,
    machine: MachineStatus,
}

#[derive(Serialize)]
struct States {
    machine: MachineStatus,
    configurations: Vec<State>,
}

impl State {
    async fn load(
        entry: Entry,
        now: Timestamp,
        helper: &mut HelperClient,
    ) -> Result<Self, Failure> {
        let details = if entry.session.status.is_active() {
            match helper.call(&Details { id: entry.configuration.id }).await {
                Ok(details) => Some(details),
                // It has ended since it was listed, or belongs to somebody else.
                Err(
                    CallError::Api(
                        HelperError::NotRunning { .. }
                        | HelperError::NoSuchConfiguration { .. }
                        | HelperError::NotAuthorized { .. },
                    )
                    | CallError::Service(ServiceError::PermissionDenied { .. }),
                ) => None,
                Err(error) => return Err(error.into()),
            }
        } else {
            None
        };
        let said = sentence(&entry.configuration, &entry.session, now, Language::English);
        Ok(Self { entry, sentence: said.text, details, glyph: said.glyph, now })
    }

    /// Whether there is more to say than that it is down.
    fn matters(&self) -> bool {
        let session = &self.entry.session;
        session.status.is_active()
            || session.blocking
            || session.last_error.is_some()
            || session.on_demand.is_some()
            || !session.health.is_empty()
    }
}

impl Report for OneState {
    fn write(&self, page: &mut Page) {
        if machine::write_but(&self.machine, &[&self.state.entry.session], page) {
            page.blank();
        }
        self.state.write(page);
    }
}

impl Report for States {
    fn write(&self, page: &mut Page) {
        let sessions: Vec<_> = self.configurations.iter().map(|s| &s.entry.session).collect();
        let mut above = machine::write_but(&self.machine, &sessions, page);
        let connected = sessions.iter().any(|session| session.status.is_active());
        if !connected && !self.machine.blocking {
            page.glyph(Glyph::Disconnected);
            page.line("Not connected. Traffic goes out directly.");
            above = true;
        }
        for state in self.configurations.iter().filter(|state| state.matters()) {
            if std::mem::replace(&mut above, true) {
                page.blank();
            }
            state.write(page);
        }
    }
}

impl Report for State {
    fn write(&self, page: &mut Page) {
        page.glyph(self.glyph);
        page.line(&format!("{}: {}", self.entry.configuration.name, self.sentence));
        write_session(&self.entry.session, page);
        if let Some(details) = &self.details {
            if let Some(settings) = &details.settings {
                write_settings(settings, page);
            }
            if let Some(counters) = &details.counters {
                write_counters(counters, page);
            }
            if let Some(provider) = &details.provider {
                status_of_provider::write(provider, self.now, page);
            }
        }
        write_health(&self.entry, page);
    }
}

fn write_session(session: &SessionStatus, page: &mut Page) {
    page.list("Since", session.connected_at.map(local_time));
    let viewer = rustix::process::geteuid().as_raw();
    page.list("Started", session.start_cause.as_ref().map(|cause| cause.words(viewer)));
    page.list("Interface", &session.interface);
    if let Some(OnDemandStatus::Armed { rule: Some(rule), .. }) = &session.on_demand {
        let number = rule.index + 1;
        page.field("Rule", &format!("{number}, {}: {}", rule.reason, rule.action));
    }
}

fn write_settings(settings: &PacketTunnelNetworkSettings, page: &mut Page) {
    page.field("Server", &settings.tunnel_remote_address.to_string());
    page.list("Ethernet", settings.ethernet_address);
    page.list("Addresses", settings.addresses());
    page.list("Inside", settings.included());
    let outside_v4 = settings.ipv4.iter().flat_map(excluded_routes);
    page.list("Outside", outside_v4.chain(settings.ipv6.iter().flat_map(excluded_routes)));
    page.list("Blocked", &settings.blocked_routes);
    page.list("MTU", settings.mtu);
    if let Some(dns) = &settings.dns {
        page.field("DNS", &dns_sentence(dns, settings.includes_default()));
        page.list("Search", &dns.search_domains);
    }
}

fn excluded_routes<P: Prefix>(settings: &IpSettings<P>) -> impl Iterator<Item = IpNet> {
    settings.excluded_routes.iter().map(|route| route.destination().into())
}

/// Which servers answer which names. Spec DNS-6 to DNS-9.
fn dns_sentence(dns: &DnsSettings, default_route: bool) -> String {
    let servers: Vec<String> = dns.servers.iter().map(ToString::to_string).collect();
    let servers = enumeration(&servers, Language::English);
    match dns.match_domains.as_deref() {
        None if default_route => format!("{servers} for all names"),
        None => format!("{servers} for no names but those looked up there"),
        Some(domains) if domains.iter().any(String::is_empty) => format!("{servers} for all names"),
        Some(domains) => format!("{servers} for {}", enumeration(domains, Language::English)),
    }
}

fn write_counters(counters: &Counters, page: &mut Page) {
    let line = |count, packets, dropped| match dropped {
        0 => format!("{} in {packets} packets", bytes(count)),
        dropped => format!("{} in {packets} packets, {dropped} more were lost", bytes(count)),
    };
    let Counters { rx_bytes, tx_bytes, rx_packets, tx_packets, rx_dropped, tx_dropped } = *counters;
    page.field("Received", &line(rx_bytes, rx_packets, rx_dropped));
    page.field("Sent", &line(tx_bytes, tx_packets, tx_dropped));
}

fn write_health(entry: &Entry, page: &mut Page) {
    for item in &entry.session.health {
        let severity = match item.severity {
            Severity::Notice => "Notice",
            Severity::Warning => "Warning",
            Severity::Problem => "Problem",
        };
        let action = item.action.as_deref().unwrap_or_default();
        page.field(severity, &format!("{}\n{}\n{action}", item.title, item.text));
    }
    if let Some(error) = &entry.session.last_error {
        let hint = hint::of_error(error, &entry.configuration.name).unwrap_or_default();
        if entry.session.status.is_active() {
            page.field("Last error", &error.message);
        }
        page.field("What to do", &hint);
    }
}
