//! Whether the agent starts at login: a file in the user's autostart folder (Desktop Application Autostart Specification).

use std::{fs, io, path::PathBuf};

use crate::{
    SettingsError,
    settings::{config_folder, replace},
};

const FILE: &str = "autostart/org.adit.Agent.desktop";

/// The file.
#[derive(Debug)]
pub struct Autostart {
    file: PathBuf,
}

impl Autostart {
    /// That of the user.
    pub fn of_user() -> Result<Self, SettingsError> {
        Ok(Self { file: config_folder()?.join(FILE) })
    }

    /// Whether the agent starts at login.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.file.exists()
    }

    /// Decides it. `program` is the agent.
    pub fn set(&self, program: &str, on: bool) -> Result<(), SettingsError> {
        let done = if on { replace(&self.file, &entry(program)) } else { remove(&self.file) };
        done.map_err(|error| SettingsError::Io { file: self.file.clone(), error })
    }
}

fn entry(program: &str) -> String {
    format!(
        "[Desktop Entry]\nType=Application\nName=Adit\nComment=Tray and notifications of Adit\n\
         Comment[de]=Symbol und Meldungen von Adit\nExec={}\nIcon=org.adit.Desktop\n\
         NoDisplay=true\nX-GNOME-Autostart-enabled=true\n",
        quoted(program)
    )
}

/// As the Desktop Entry Specification wants arguments of `Exec`.
fn quoted(argument: &str) -> String {
    let mut quoted = String::from("\"");
    for c in argument.chars() {
        match c {
            '"' | '`' | '$' => quoted.extend(['\\', '\\', c]),
            '\\' => quoted.push_str("\\\\\\\\"),
            '%' => quoted.push_str("%%"),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn remove(file: &PathBuf) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starting_at_login_is_a_file_that_comes_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let autostart = Autostart { file: folder.path().join(FILE) };
        assert!(!autostart.is_on());
        autostart.set("/opt/A d/100%/adit-agent", true).unwrap();
        assert!(autostart.is_on());
        let text = fs::read_to_string(&autostart.file).unwrap();
        assert!(text.contains("\nExec=\"/opt/A d/100%%/adit-agent\"\n"), "{text}");
        autostart.set("/opt/adit-agent", false).unwrap();
        autostart.set("/opt/adit-agent", false).unwrap();
        assert!(!autostart.is_on());
    }
}
