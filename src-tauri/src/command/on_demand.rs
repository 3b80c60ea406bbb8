//! Rules that connect by themselves: holding them off, and letting them count again.

use adit_api::{ExplainOnDemand, OnDemandExplanation, PauseOnDemand, ResumeOnDemand};
use adit_model::{ConfigurationId, on_demand::PauseEnd};
use tauri::State;

use super::call;
use crate::{app::Shared, failure::Failure};

/// Holds the rules of a configuration off: nothing begins or ends by itself.
#[tauri::command]
#[specta::specta]
pub(crate) async fn pause_on_demand(
    shared: State<'_, Shared>,
    id: ConfigurationId,
    end: PauseEnd,
) -> Result<(), Failure> {
    call(&shared, PauseOnDemand { id, end }).await.map(drop)
}

/// Lets them count again.
#[tauri::command]
#[specta::specta]
pub(crate) async fn resume_on_demand(
    shared: State<'_, Shared>,
    id: ConfigurationId,
) -> Result<(), Failure> {
    call(&shared, ResumeOnDemand { id }).await.map(drop)
}

/// Which network the computer is in, and what the rules of a configuration make of it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn explain_on_demand(
    shared: State<'_, Shared>,
    id: ConfigurationId,
) -> Result<OnDemandExplanation, Failure> {
    call(&shared, ExplainOnDemand { id: Some(id) }).await
}
