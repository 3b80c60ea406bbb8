//! A text in the person's editor.

use std::{
    env,
    ffi::OsString,
    fs::{self, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tokio::{
    process::Command,
    signal::unix::{SignalKind, signal},
};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// A file for the editor that nobody else can read and that goes away with this.
pub(crate) struct Draft {
    path: PathBuf,
    _folder: TempDir,
}

impl Draft {
    /// Under the name `file`, by which editors tell the format; in memory where the system has such
    /// a place.
    pub(crate) fn write(file: &str, text: &str) -> io::Result<Self> {
        let place = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir());
        let folder = tempfile::Builder::new()
            .prefix("adit-edit-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(place.unwrap_or_else(env::temp_dir))?;
        let path = folder.path().join(file);
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        Ok(Self { path, _folder: folder })
    }

    pub(crate) fn read(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        fs::read(&self.path).map(Zeroizing::new)
    }

    /// Whatever ends this program while the editor runs must leave time to remove the keys.
    pub(crate) async fn edit(&self) -> Result<(), Failure> {
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
