//! One running helper, from its lock to its last session.

use std::{
    convert::Infallible,
    error::Error,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    sync::Arc,
};

use adit_model::ProviderStopReason;
use adit_network::{NetworkState, monitor};
use adit_varlink::Listener;
use rustix::fs::{FlockOperation, flock};
use sd_notify::NotifyState;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    api,
    arguments::Places,
    configurations::Configurations,
    provider, recovery,
    service::{Service, Surroundings},
    store::Store,
};

/// Everybody may connect; what they may do is decided by who they are.
const SOCKET_MODE: u32 = 0o666;

/// Why this helper cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstanceError {
    #[error("Another Adit service is running with the same runtime folder ({0}). Stop it first.")]
    AlreadyRunning(String),
    #[error("{0} cannot be opened: {1}. The Adit service must be started as root.")]
    Lock(String, io::Error),
}

/// Runs until it is told to end.
pub(crate) async fn run(places: &Places) -> Result<(), Box<dyn Error>> {
    provider::reserve_descriptors()?;
    // Before anything is undone: it could be the work of another helper.
    let _lock = lock(places)?;
    let network = Arc::new(recovery::open_network(places)?);
    for line in recovery::undo(places, &network).await? {
        tracing::warn!("After a crash: {line}");
    }
    let store = Store::open(places.configurations())?;
    let configurations = Configurations::load(store)?;
    let state = monitor::watch(Arc::clone(&network)).await?;
    let surroundings = Surroundings::new(
        Arc::clone(&network),
        state.clone(),
        places.sessions(),
        places.providers_dir.clone(),
    );
    let service = Arc::new(Service::new(Arc::new(surroundings), configurations));
    let listener = Listener::bind(places.socket(), SOCKET_MODE)?;
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tracing::info!("Adit is ready.");
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    tokio::select! {
        never = listener.serve(Arc::new(api::router()), Arc::clone(&service)) => match never {},
        never = follow(state, &service) => match never {},
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    service.stop_all(ProviderStopReason::None).await;
    tracing::info!("Adit has ended.");
    Ok(())
}

/// Takes the runtime folder for this process, for as long as the file is held.
pub(crate) fn lock(places: &Places) -> Result<File, InstanceError> {
    let path = places.lock();
    let named = path.display().to_string();
    let failed = |error| InstanceError::Lock(named.clone(), error);
    recovery::make_runtime_dir(places).map_err(failed)?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(_) => Err(InstanceError::AlreadyRunning(places.runtime_dir.display().to_string())),
    }
}

/// Tells sessions of every change of the physical network.
async fn follow(mut state: watch::Receiver<NetworkState>, service: &Service) -> Infallible {
    while state.changed().await.is_ok() {
        let changed = state.borrow_and_update().clone();
        service.network_changed(&changed).await;
    }
    tracing::error!("The network is no longer watched; tunnels will not follow it.");
    std::future::pending().await
}
