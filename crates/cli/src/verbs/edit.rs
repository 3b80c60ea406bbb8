//! `adit edit`

use std::{
    env,
    ffi::OsString,
    fs::{self, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use adit_api::{Got, HelperClient, Save, SaveReply, SecretChanges};
use adit_model::VpnConfiguration;
use adit_profile::{Imported, Note, import_wg_quick, lint, set_wireguard, wireguard_of};
use serde::Serialize;
use tempfile::TempDir;
use tokio::{
    process::Command,
    signal::unix::{SignalKind, signal},
};
use zeroize::Zeroizing;

use super::export;
use crate::{
    args::Named,
    context::{Context, find_with_secrets},
    failure::Failure,
    output::Report,
    page::Page,
    terminal,
};

pub(super) async fn run(arguments: Named, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let Got { entry, secrets, .. } = find_with_secrets(&mut helper, &arguments.name).await?;
    let configuration = entry.configuration;
    let before = export::wg_quick(&configuration, &secrets.unwrap_or_default())?;
    let draft = Draft::write(&before).map_err(Failure::TemporaryFile)?;
    let edited = loop {
        draft.edit().await?;
        let text = draft.read().map_err(Failure::TemporaryFile)?;
        if *text == *before.as_bytes() {
            break Edited { configuration, changed: false, notes: Vec::new() };
        }
        let error = match understand(&text, &configuration) {
            Ok(imported) => match save(&configuration, imported, &mut helper).await {
                Ok(edited) => break edited,
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        if !terminal::is_attended() {
            return Err(error);
        }
        context.output.note(&error.to_string());
        if !terminal::ask("Edit again?", true).await? {
            return Err(Failure::Interrupted);
        }
    };
    context.output.report(&edited)
}

fn understand(text: &[u8], configuration: &VpnConfiguration) -> Result<Imported, Failure> {
    import_wg_quick(text, &configuration.name, configuration.id)
        .map_err(|error| Failure::Import { file: configuration.name.clone(), error })
}

/// Everything that the text says nothing about stays.
async fn save(
    configuration: &VpnConfiguration,
    imported: Imported,
    helper: &mut HelperClient,
) -> Result<Edited, Failure> {
    let mut configuration = configuration.clone();
    if let Some(mut wireguard) = wireguard_of(&imported.configuration) {
        wireguard.block_ipv6 = wireguard_of(&configuration).is_some_and(|before| before.block_ipv6);
        set_wireguard(&mut configuration, &wireguard);
    }
    let save = Save {
        configuration,
        secrets: Some(imported.secrets),
        secret_changes: SecretChanges::new(),
    };
    let SaveReply { configuration } = helper.call(&save).await?;
    let notes = [imported.notes, lint(&configuration)].concat();
    Ok(Edited { configuration, changed: true, notes })
}

/// A file for the editor that nobody else can read and that goes away with this.
struct Draft {
    path: PathBuf,
    _folder: TempDir,
}

impl Draft {
    /// In memory where the system has such a place.
    fn write(text: &str) -> io::Result<Self> {
        let place = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir());
        let folder = tempfile::Builder::new()
            .prefix("adit-edit-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(place.unwrap_or_else(env::temp_dir))?;
        let path = folder.path().join("wireguard.conf");
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        Ok(Self { path, _folder: folder })
    }

    fn read(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        fs::read(&self.path).map(Zeroizing::new)
    }

    /// Whatever ends this program while the editor runs must leave time to remove the keys.
    async fn edit(&self) -> Result<(), Failure> {
        let editor = editor();
        let failed = |reason: String| Failure::Editor {
            editor: editor.to_string_lossy().into_owned(),
            reason,
        };
        let listen = |kind| signal(kind).map_err(|error| failed(error.to_string()));
        // Interrupting is the editor's own affair.
        let _interrupt = listen(SignalKind::interrupt())?;
        let mut hangup = listen(SignalKind::hangup())?;
        let mut terminate = listen(SignalKind::terminate())?;
        let mut child = command(&editor, &self.path)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let status = tokio::select! {
            status = child.wait() => status.map_err(|error| failed(error.to_string()))?,
            _ = hangup.recv() => return Err(Failure::Interrupted),
            _ = terminate.recv() => return Err(Failure::Interrupted),
        };
        if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
    }
}

fn editor() -> OsString {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".into())
}

/// `EDITOR` is a shell command, such as `code --wait`.
fn command(editor: &OsString, file: &Path) -> Command {
    let mut script = editor.clone();
    script.push(" \"$1\"");
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg("adit").arg(file);
    command
}

#[derive(Serialize)]
struct Edited {
    configuration: VpnConfiguration,
    changed: bool,
    notes: Vec<Note>,
}

impl Report for Edited {
    fn write(&self, page: &mut Page) {
        let name = &self.configuration.name;
        if !self.changed {
            page.line(&format!("“{name}” was not changed."));
            return;
        }
        page.line(&format!("“{name}” is saved."));
        for note in &self.notes {
            page.part(&note.to_string());
        }
    }
}
