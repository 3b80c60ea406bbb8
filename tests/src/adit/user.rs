//! The command line as others than root run it.

use serde_json::Value;

use super::{Adit, PUBLIC_PROGRAM, SOCKET, reason};
use crate::machine::Machine;
use crate::process::{Outcome, Process};

/// Somebody who is not root.
#[derive(Debug)]
pub struct User<'a> {
    pub(super) adit: &'a Adit,
    pub(super) uid: u32,
}

impl User<'_> {
    /// As [`Adit::try_run`], as this user.
    #[track_caller]
    pub fn try_run<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Outcome {
        self.adit.machine.try_run(self.command_line(words))
    }

    /// As [`Adit::run`], as this user.
    #[track_caller]
    pub fn run<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> String {
        self.adit.machine.run(self.command_line(words))
    }

    /// As [`Adit::refused`], as this user.
    #[track_caller]
    pub fn refused<'a>(&self, code: i32, words: impl IntoIterator<Item = &'a str>) -> String {
        let outcome = self.try_run(words);
        reason(&outcome, code).unwrap_or_else(|| panic!("as {}: {outcome:?}", self.uid))
    }

    /// As [`Adit::spawn`], as this user.
    #[track_caller]
    pub fn spawn<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Process {
        self.adit.machine.spawn(self.command_line(words))
    }

    /// As [`Adit::import`], as this user.
    #[track_caller]
    pub fn import(&self, name: &str, conf: &str) -> String {
        let path = self.write(name, conf);
        self.run(["import", &path])
    }

    /// The same, whatever comes of it.
    #[track_caller]
    pub fn try_import(&self, name: &str, conf: &str) -> Outcome {
        let path = self.write(name, conf);
        self.try_run(["import", &path])
    }

    fn write(&self, name: &str, conf: &str) -> String {
        let path = format!("/run/{name}.conf");
        self.adit.machine.write_file(&path, conf);
        path
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.adit.machine
    }

    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    /// Imports what `adit export --format adit` writes, as this user.
    #[track_caller]
    pub fn import_archive(&self, name: &str, archive: &Value) -> String {
        let path = format!("/run/{name}.json");
        self.adit.machine.write_file(&path, archive.to_string());
        self.run(["import", &path])
    }

    pub(super) fn command_line<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let id = self.uid.to_string();
        let user = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"];
        let mut command: Vec<String> = user.map(str::to_owned).into();
        command.extend(["env".into(), format!("ADIT_SOCKET={SOCKET}"), PUBLIC_PROGRAM.into()]);
        command.extend(words.into_iter().map(str::to_owned));
        command
    }
}
