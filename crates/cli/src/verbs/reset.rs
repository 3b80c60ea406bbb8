//! `adit reset`

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use adit_api::{ConnectError, HelperClient, Reset, ResetReply};
use serde::Serialize;
use tokio::process::Command;

use crate::{context::Context, failure::Failure, output::Report, page::Page};

const PROGRAM: &str = "adit-helper";
/// Where packages put it.
const PACKAGED: &str = "/usr/lib/adit";
/// Where the helper keeps what it has to undo, if not in its usual places.
const FOLDERS: [(&str, &str); 2] =
    [("ADIT_RUNTIME_DIR", "--runtime-dir"), ("ADIT_STATE_DIR", "--state-dir")];

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let undone = match HelperClient::connect(&context.socket).await {
        Ok(mut helper) => helper.call(&Reset {}).await?.undone,
        Err(error) => match error {
            ConnectError::NotPermitted(_) => return Err(error.into()),
            ConnectError::NotRunning(_)
            | ConnectError::NotTrusted(..)
            | ConnectError::NoAnswer
            | ConnectError::OtherVersion { .. }
            | ConnectError::Failed(_) => without_service(error).await?,
        },
    };
    context.output.report(&Undone(ResetReply { undone }))
}

/// Has the helper's own program undo everything, since no service does.
async fn without_service(missing: ConnectError) -> Result<Vec<String>, Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::ResetNeedsRoot(missing));
    }
    let program = program();
    let failed = |reason: String| Failure::Reset { program: program.display().to_string(), reason };
    let mut command = Command::new(&program);
    command.arg("reset");
    for (variable, option) in FOLDERS {
        if let Some(folder) = env::var_os(variable) {
            command.arg(option).arg(folder);
        }
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().await;
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}

/// Beside this program, else where packages put it. It runs as root, so `PATH` is not asked.
fn program() -> PathBuf {
    let beside = env::current_exe().ok().and_then(|own| own.parent().map(Path::to_owned));
    let folders = beside.into_iter().chain([PathBuf::from(PACKAGED)]);
    let mut candidates = folders.map(|folder| folder.join(PROGRAM));
    candidates.find(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(PACKAGED).join(PROGRAM))
}

#[derive(Serialize)]
#[serde(transparent)]
struct Undone(ResetReply);

impl Report for Undone {
    fn write(&self, page: &mut Page) {
        if self.0.undone.is_empty() {
            page.line("There was nothing to undo.");
        }
        for line in &self.0.undone {
            page.line(line);
        }
    }
}
