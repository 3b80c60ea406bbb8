//! What somebody who helps has to know. It is shown before it is saved, and saved as it was shown.

use std::collections::BTreeSet;

use adit_api::HelperClient;
use adit_diagnosis::Finding;
use tauri::State;

use super::files::save_bytes;
use crate::{
    app::Shared,
    failure::{Failure, FailureKind},
};

/// How Adit and the network are at this moment, as files.
#[tauri::command]
#[specta::specta]
pub(crate) async fn diagnose(shared: State<'_, Shared>) -> Result<Vec<Finding>, Failure> {
    let mut helper = HelperClient::connect(&shared.socket).await?;
    let findings = adit_diagnosis::diagnose(&mut helper).await?;
    shared.findings().clone_from(&findings);
    Ok(findings)
}

/// Asks where to, and writes an archive of those files that `diagnose` has found last and that have one of
/// these names. Whether that was not cancelled.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save_diagnosis(
    shared: State<'_, Shared>,
    name: &str,
    files: BTreeSet<String>,
) -> Result<bool, Failure> {
    let findings = shared.findings().clone();
    let wanted = findings.iter().filter(|finding| files.contains(&finding.name));
    let archive = adit_diagnosis::pack(wanted).map_err(|error| {
        Failure::new(FailureKind::Failed, format!("The archive cannot be made: {error}."))
    })?;
    save_bytes(name, &archive).await
}
