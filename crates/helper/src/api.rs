//! The interface `org.adit.Helper`, served to apps and command lines.

use std::{path::Path, sync::Arc};

use adit_api::{
    AnswerSecrets, AttendSecrets, AttendSecretsReply, DescribeNetwork, Details, DnsExplanation,
    ExplainDns, ExplainOnDemand, ExplainRoute, FetchProxyScript, GenerateKey, Get, Got, Hello,
    HelloReply, HelperError, History, HistoryReply, IDL, JoinApps, LiftLockdown, List, Listing,
    LockDown, MachineReply, MessageReply, NetworkReply, PauseOnDemand, PrivateKey, PrivateKeyReply,
    Provider, ProviderListing, Providers, ProxyScript, PublicKey, PublicKeyReply, Remove, Reset,
    ResetReply, ResumeOnDemand, RouteReply, Save, SaveReply, SelfTest, SelfTestReply,
    SendProviderMessage, SetEnabled, Snapshot, Start, Stop, Watch, WatchReply,
};
use adit_model::StartCause;
use adit_provider::{Kind, Manifest, ManifestError};
use adit_varlink::{Empty, Limits, Peer, Router, ServiceInfo};
use futures_util::StreamExt;
use serde_json::Value;

use crate::{
    access::{self, Access, or_as_administrator},
    polkit::Action,
    service::Service,
    session::StartRequest,
};

/// Bytes. All of them go into one message.
const MOST_OF_A_SCHEMA: u64 = 64 << 10;

/// Every method with who may call it.
#[expect(clippy::too_many_lines, reason = "one entry for each method")]
pub(crate) fn router() -> Router<Arc<Service>, Access> {
    type State = Arc<Service>;
    let info = ServiceInfo {
        vendor: "Adit".into(),
        product: "adit-helper".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        url: String::new(),
    };
    let authorise = |_: State, peer: Peer, access: Access| async move {
        access::authorise(&peer, access).await
    };
    // No method takes descriptors, and a record is smaller than this.
    let limits = Limits { message: 1 << 20, fds: 0, ..Limits::default() };
    Router::new(info, authorise)
        .with_limits(limits)
        .describe(IDL)
        .on(Access::AnyUser, |_: State, _, _: Hello| async {
            Ok(HelloReply { version: env!("CARGO_PKG_VERSION").into(), features: Vec::new() })
        })
        .on(Access::AnyUser, |service: State, peer, _: List| async move {
            let Snapshot { entries, machine } = service.snapshot(peer.uid);
            Ok(Listing { entries, machine })
        })
        .on(Access::AnyUser, |service: State, peer, call: Get| async move {
            or_as_administrator(&peer, Action::ChangeSystem, async |uid| get(&service, uid, &call))
                .await
        })
        .on(Access::AnyUser, |service: State, peer, call: Save| {
            carried(async move {
                if service.is_first_of(peer.uid, &call.configuration) {
                    access::consent(&peer).await?;
                }
                or_as_administrator(&peer, Action::ChangeSystem, |uid| {
                    save(&service, uid, call.clone())
                })
                .await
            })
        })
        .on(Access::AnyUser, |service: State, peer, call: Remove| {
            carried(async move {
                let remove = |uid| service.remove(uid, call.id);
                or_as_administrator(&peer, Action::ChangeSystem, remove).await?;
                Ok(Empty {})
            })
        })
        .on(Access::AnyUser, |service: State, peer, call: SetEnabled| {
            carried(async move {
                let set = |uid| service.set_enabled(uid, call.id, call.enabled);
                let saved = or_as_administrator(&peer, Action::ChangeSystem, set).await?;
                Ok(SaveReply { configuration: saved })
            })
        })
        .on(Access::AnyUser, |service: State, peer, call: Start| {
            carried(async move {
                let start = |uid| start(&service, uid, peer.uid, call.clone());
                or_as_administrator(&peer, Action::UseSystem, start).await
            })
        })
        .on(Access::AnyUser, |service: State, peer, call: Stop| async move {
            let stop = |uid| service.stop(uid, call.id);
            or_as_administrator(&peer, Action::UseSystem, stop).await?;
            Ok(Empty {})
        })
        .on(Access::AnyUser, |service: State, peer, call: Details| async move {
            service.details(peer.uid, call.id).await
        })
        .on(Access::AnyUser, |service: State, peer, call: FetchProxyScript| async move {
            Ok(ProxyScript { script: service.fetch_proxy_script(peer.uid, call.id).await? })
        })
        .on(Access::AnyUser, |service: State, peer, call: History| async move {
            Ok(HistoryReply { sessions: service.history(peer.uid, &call)? })
        })
        .on(Access::AnyUser, |service: State, peer, call: SendProviderMessage| async move {
            let reply = service.send_message(peer.uid, call.id, call.message).await?;
            Ok(MessageReply { reply })
        })
        .on_stream(Access::AnyUser, |service: State, peer, _: Watch| async move {
            let uid = peer.uid;
            let events = service.surroundings().events.clone();
            let machine = {
                let service = Arc::clone(&service);
                move || service.machine(uid)
            };
            let changes = events.watch(uid, move || service.snapshot(uid), machine);
            Ok(changes.map(|event| Ok(WatchReply { event })))
        })
        .on(Access::AnyUser, |service: State, _, _: Providers| async move {
            Ok(ProviderListing { providers: providers(&service)? })
        })
        .on(Access::AnyUser, |service: State, peer, call: LockDown| {
            carried(async move {
                let lock_down = |uid| service.lock_down(uid, call.allow_local_networks);
                let machine = or_as_administrator(&peer, Action::Lockdown, lock_down).await?;
                Ok(MachineReply { machine })
            })
        })
        .on(Access::AnyUser, |service: State, peer, _: LiftLockdown| {
            carried(async move {
                let lift = |uid| service.lift_lockdown(uid);
                let machine = or_as_administrator(&peer, Action::Lockdown, lift).await?;
                Ok(MachineReply { machine })
            })
        })
        .on(Access::AnyUser, |service: State, _, call: ExplainDns| async move {
            explain_dns(&service, &call.name).await
        })
        .on(Access::AnyUser, |service: State, _, call: ExplainRoute| async move {
            explain_route(&service, call).await
        })
        .on(Access::AnyUser, |service: State, peer, call: PauseOnDemand| {
            carried(async move {
                service.pause_on_demand(peer.uid, call.id, call.end).await?;
                Ok(Empty {})
            })
        })
        .on(Access::AnyUser, |service: State, peer, call: ResumeOnDemand| {
            carried(async move {
                service.resume_on_demand(peer.uid, call.id).await?;
                Ok(Empty {})
            })
        })
        .on(Access::AnyUser, |service: State, peer, call: ExplainOnDemand| async move {
            service.explain_on_demand(peer.uid, call.id).await
        })
        .on(
            Access::AnyUser,
            |service: State, _, _: SelfTest| async move { self_test(&service).await },
        )
        .on(Access::AnyUser, |service: State, _, _: DescribeNetwork| async move {
            describe_network(&service).await
        })
        .on(Access::Administrator(Action::Reset), |service: State, _, _: Reset| {
            carried(async move { Ok(ResetReply { undone: service.reset().await? }) })
        })
        .on(Access::AnyUser, |service: State, peer, _: GenerateKey| async move {
            Ok(PublicKeyReply { public_key: service.generate_key(peer.uid)? })
        })
        .on(Access::AnyUser, |service: State, peer, call: PublicKey| async move {
            let public_key = service.public_key(peer.uid, call.id, &call.secret)?;
            Ok(PublicKeyReply { public_key })
        })
        .on(Access::AnyUser, |service: State, peer, call: PrivateKey| async move {
            let private_key = service.private_key(peer.uid, call.public_key)?;
            Ok(PrivateKeyReply { private_key })
        })
        .on_stream(Access::AnyUser, |service: State, peer, call: AttendSecrets| async move {
            let events = service.attend_secrets(peer.uid, call.id);
            Ok(events.map(|event| Ok(AttendSecretsReply { event })))
        })
        .on(Access::AnyUser, |service: State, peer, call: AnswerSecrets| async move {
            let agents = &service.surroundings().secret_agents;
            agents.answer(peer.uid, call.number, call.answer)?;
            Ok(Empty {})
        })
        .on(Access::AnyUser, |service: State, peer: Peer, call: JoinApps| {
            carried(async move {
                service.join_apps(&peer, call.id).await?;
                Ok(Empty {})
            })
        })
}

fn get(service: &Service, uid: u32, call: &Get) -> Result<Got, HelperError> {
    // Whoever may not change a configuration may not read its keys either.
    let secrets =
        if call.include_secrets { Some(service.owned(uid, call.id)?.secrets) } else { None };
    let (entry, record) = service.get(uid, call.id)?;
    let elsewhere = entry.configuration.protocol.user_secrets.keys().cloned();
    let mut secret_names: Vec<String> = record.secrets.into_keys().chain(elsewhere).collect();
    secret_names.sort_unstable();
    Ok(Got { entry, secrets, secret_names })
}

async fn save(service: &Service, uid: u32, call: Save) -> Result<SaveReply, HelperError> {
    let Save { configuration, secrets, secret_changes } = call;
    let configuration = service.save(uid, configuration, secrets, secret_changes).await?;
    Ok(SaveReply { configuration })
}

/// With the rights of `uid`, for the user `asking`.
async fn start(
    service: &Service,
    uid: u32,
    asking: u32,
    call: Start,
) -> Result<Empty, HelperError> {
    let cause = StartCause::User { uid: asking };
    let request = StartRequest { cause, options: call.options, credentials: call.credentials };
    service.start(uid, call.id, request).await?;
    Ok(Empty {})
}

/// It tells no more than what everybody on this computer can find out.
async fn explain_dns(service: &Service, name: &str) -> Result<DnsExplanation, HelperError> {
    if !is_host_name(name) {
        let reason = "It is no name of a host: letters, digits and hyphens between dots.".into();
        return Err(HelperError::ConfigurationInvalid { field: "name".into(), reason });
    }
    let explained = service.surroundings().network.explain_dns(name).await;
    let (resolver, lookups) =
        explained.map_err(|error| HelperError::SystemFailed { message: error.to_string() })?;
    Ok(DnsExplanation { resolver, lookups })
}

async fn explain_route(service: &Service, call: ExplainRoute) -> Result<RouteReply, HelperError> {
    let explained = service.surroundings().network.explain_route(call.address, call.port).await;
    let explanation =
        explained.map_err(|error| HelperError::SystemFailed { message: error.to_string() })?;
    Ok(RouteReply { explanation })
}

async fn self_test(service: &Service) -> Result<SelfTestReply, HelperError> {
    let checks = service.surroundings().network.self_test().await;
    let checks =
        checks.map_err(|error| HelperError::SystemFailed { message: error.to_string() })?;
    Ok(SelfTestReply { checks })
}

async fn describe_network(service: &Service) -> Result<NetworkReply, HelperError> {
    let described = service.surroundings().network.describe().await;
    let network =
        described.map_err(|error| HelperError::SystemFailed { message: error.to_string() })?;
    Ok(NetworkReply { network })
}

/// RFC 1123 section 2.1, with underscores, which services have (RFC 2782).
fn is_host_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_known);
    name.len() <= 253 && name.split('.').all(is_label)
}

fn providers(service: &Service) -> Result<Vec<Provider>, HelperError> {
    let folder = &service.surroundings().providers_dir;
    let trusted = rustix::process::geteuid().as_raw();
    let found = Manifest::load_all(folder, trusted).map_err(|error| HelperError::SystemFailed {
        message: format!("The providers in {} cannot be read: {error}", folder.display()),
    })?;
    Ok(found.into_iter().map(|(id, manifest)| describe(id, manifest)).collect())
}

fn describe(id: String, manifest: Result<Manifest, ManifestError>) -> Provider {
    let absent =
        Provider { id, name: None, kinds: Vec::new(), configuration_schema: None, reason: None };
    let manifest = match manifest {
        Ok(manifest) => manifest,
        Err(error) => return Provider { reason: Some(error.to_string()), ..absent },
    };
    let kind = match manifest.kind {
        Kind::PacketTunnel => "packet-tunnel",
        Kind::EthernetTunnel => "ethernet-tunnel",
    };
    let kinds = vec![kind.to_owned()];
    let configuration_schema = manifest.configuration_schema.as_deref().and_then(schema);
    Provider { name: Some(manifest.name), kinds, configuration_schema, ..absent }
}

/// A provider that has none, or one that cannot be understood, can be used all the same.
fn schema(path: &Path) -> Option<Value> {
    let length = path.metadata().ok()?.len();
    if length > MOST_OF_A_SCHEMA {
        return None;
    }
    serde_json::from_slice(&std::fs::read(path).ok()?).ok().filter(Value::is_object)
}

/// A change that was begun is carried through, also when its caller leaves meanwhile.
async fn carried<T: Send + 'static>(
    change: impl Future<Output = Result<T, HelperError>> + Send + 'static,
) -> Result<T, HelperError> {
    tokio::spawn(change).await.unwrap_or_else(|error| {
        let message = format!("The Adit service failed: {error}");
        Err(HelperError::SystemFailed { message })
    })
}

#[cfg(test)]
mod tests {
    use adit_api::helper_methods;

    use super::*;

    #[test]
    fn every_method_is_served_and_only_reset_is_roots() {
        let mut expected: Vec<_> = helper_methods().iter().map(|method| method.name).collect();
        expected.sort_unstable();
        let served: Vec<_> = router().signatures().iter().map(|method| method.name).collect();
        assert_eq!(served, expected);
    }
}
