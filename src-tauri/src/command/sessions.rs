//! Sessions: starting, stopping, and what they have to tell.

use adit_api::{Change, Details, History, SessionDetails, Start, Stop};
use adit_model::{ConfigurationId, PastSession};
use tauri::{State, ipc::Channel};

use super::call;
use crate::{app::Shared, desktop::Desktop, failure::Failure};

/// Everything that is known at this moment. Each change after that is told.
#[tauri::command]
#[specta::specta]
#[must_use]
pub(crate) fn attach(shared: State<'_, Shared>, told: Channel<Change>) -> Vec<Change> {
    tracing::debug!("The page is there and asks for all that is known");
    shared.tell(told)
}

/// Starts a session. That it is connected, an event says.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start(
    shared: State<'_, Shared>,
    desktop: State<'_, Desktop>,
    id: ConfigurationId,
) -> Result<(), Failure> {
    desktop.user_changes(id).await;
    call(&shared, Start { id, options: None, credentials: None }).await.map(drop)
}

/// Ends a session, at any time.
#[tauri::command]
#[specta::specta]
pub(crate) async fn stop(
    shared: State<'_, Shared>,
    desktop: State<'_, Desktop>,
    id: ConfigurationId,
) -> Result<(), Failure> {
    desktop.user_changes(id).await;
    call(&shared, Stop { id }).await.map(drop)
}

/// The settings in force, counters, and what the provider says of itself.
#[tauri::command]
#[specta::specta]
pub(crate) async fn details(
    shared: State<'_, Shared>,
    id: ConfigurationId,
) -> Result<SessionDetails, Failure> {
    call(&shared, Details { id }).await
}

/// Sessions of a configuration that are over, the last first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn history(
    shared: State<'_, Shared>,
    id: ConfigurationId,
) -> Result<Vec<PastSession>, Failure> {
    let history = History { id: Some(id), limit: Some(MOST_PAST) };
    Ok(call(&shared, history).await?.sessions)
}

/// More is not read by anybody; `adit history` has the rest.
const MOST_PAST: usize = 30;
