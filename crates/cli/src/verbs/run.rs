//! `adit run`

use std::{os::unix::process::CommandExt, process::Command};

use adit_api::{Entry, JoinApps};
use adit_model::{VpnStatus, shell_word};

use crate::{
    args::Run,
    context::{Context, find},
    failure::Failure,
};

/// Becomes the command: whoever started this started that, with its terminal and its signals.
pub(super) async fn run(arguments: Run, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let Entry { configuration, session } = find(&mut helper, &arguments.name).await?;
    helper.call(&JoinApps { id: configuration.id }).await?;
    if let Some(remark) = without_network(&configuration.name, session.status) {
        eprintln!("{remark}");
    }
    let Some((program, words)) = arguments.command.split_first() else {
        return Err(Failure::Usage("Say which command to run.".into()));
    };
    let error = Command::new(program).args(words).exec();
    let command = program.to_string_lossy().into_owned();
    Err(Failure::NotRun { command, error })
}

fn without_network(name: &str, status: VpnStatus) -> Option<String> {
    match status {
        VpnStatus::Connected | VpnStatus::Reasserting => None,
        VpnStatus::Invalid
        | VpnStatus::Disconnected
        | VpnStatus::Connecting
        | VpnStatus::Disconnecting => Some(format!(
            "“{name}” is not connected. Until it is, the command has no network. Connect it with: \
             adit connect {}",
            shell_word(name)
        )),
    }
}
