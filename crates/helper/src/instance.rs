//! One running helper, from its lock to its last session.

use std::{convert::Infallible, error::Error, sync::Arc};

use adit_model::{ProviderStopReason, on_demand};
use adit_network::{NetworkState, healing, monitor, primary_network};
use adit_varlink::Listener;
use sd_notify::NotifyState;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    api,
    arguments::Places,
    barrier::Barrier,
    configurations::Configurations,
    kept_descriptors::KeptDescriptors,
    logins,
    on_demand::{Keeper, OnDemand, Pauses},
    provider, recovery, runtime_dir,
    service::Service,
    session_history::SessionHistory,
    store::Store,
    surroundings::Surroundings,
    suspend,
};

/// Everybody may connect; what they may do is decided by who they are.
const SOCKET_MODE: u32 = 0o666;

/// Runs until it is told to end.
pub(crate) async fn run(places: &Places) -> Result<(), Box<dyn Error>> {
    let kept = KeptDescriptors::inherited();
    provider::reserve_descriptors()?;
    // Before anything is undone: it could be the work of another helper.
    let _lock = runtime_dir::lock(places)?;
    let network = Arc::new(recovery::open_network(places)?);
    // Before anything else changes the network, so that nothing is open in between.
    let barrier = Barrier::open(places, Arc::clone(&network));
    barrier.enforce().await;
    let configurations = Configurations::load(Store::open(places.configurations())?)?;
    let history = SessionHistory::open(places.history(), |id| configurations.get(id).is_some());
    let state = monitor::watch(Arc::clone(&network)).await?;
    let healed = healing::watch(Arc::clone(&network)).await?;
    let (on_demand, notices) =
        OnDemand::new(primary_network::watch(Arc::clone(&network), state.clone()));
    let surroundings = Arc::new(Surroundings::new(
        network,
        barrier,
        history,
        state.clone(),
        on_demand.network(),
        places.sessions(),
        places.providers_dir.clone(),
    ));
    let left = recovery::take_over(&surroundings, &configurations, kept).await?;
    surroundings.barrier.finish_releases(&left.going_on()).await;
    let service = Arc::new(Service::new(surroundings, configurations, left.adoptions, on_demand));
    service.read_managed(&places.profiles_dir).await;
    let listener = Listener::bind(places.socket(), SOCKET_MODE)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hand_over = signal(SignalKind::user_defined1())?;
    tracing::info!("Adit is ready.");
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    service.start_again(left.again).await;
    let pauses = Arc::new(Pauses::load(places.on_demand()));
    let logins = logins::watch();
    let mut keeper = Keeper::new(Arc::clone(&service), notices, pauses, logins.clone());
    tokio::select! {
        never = listener.serve(Arc::new(api::router()), Arc::clone(&service)) => match never {},
        never = follow(state, service.on_demand().network(), &service) => match never {},
        never = tell(healed, &service) => match never {},
        never = service.follow_managed(&places.profiles_dir) => match never {},
        never = service.follow_providers() => match never {},
        never = service.follow_sleep(suspend::watch()) => match never {},
        never = service.follow_logins(logins) => match never {},
        never = keeper.keep() => match never {},
        () = service.surroundings().barrier.keep() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hand_over.recv() => {
            tracing::info!("Adit has ended. Its tunnels go on and wait for the next service.");
            // Nothing is let go of in order: letting go ends what should go on.
            std::process::exit(0);
        }
    }
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    // Before sessions end: it would begin others.
    keeper.end().await;
    let _closed = service.surroundings().parking.close().await;
    service.stop_all(ProviderStopReason::None).await;
    tracing::info!("Adit has ended.");
    Ok(())
}

/// Tells sessions of every change of the physical network, and when what it costs becomes known.
async fn follow(
    mut state: watch::Receiver<NetworkState>,
    mut primary: watch::Receiver<Option<on_demand::NetworkState>>,
    service: &Service,
) -> Infallible {
    let mut told = None;
    loop {
        tokio::select! {
            changed = state.changed() => {
                if changed.is_err() {
                    break;
                }
                state.mark_unchanged();
            }
            Ok(()) = primary.changed() => {
                // While the network changes, nothing is known of it.
                let is_known = primary.borrow_and_update().is_some();
                // Not what was known a moment ago, but what sessions heard last.
                if !is_known || service.surroundings().state().path.expensive == told {
                    continue;
                }
            }
        }
        told = service.network_changed().await.path.expensive;
    }
    tracing::error!("The network is no longer watched; tunnels will not follow it.");
    std::future::pending().await
}

/// Tells sessions what others have changed of their settings.
async fn tell(mut healed: watch::Receiver<healing::Healed>, service: &Service) -> Infallible {
    while healed.changed().await.is_ok() {
        let latest = Arc::new(healed.borrow_and_update().clone());
        service.healed(&latest).await;
    }
    tracing::error!("The tunnels’ settings are no longer watched; what others change stays so.");
    std::future::pending().await
}
