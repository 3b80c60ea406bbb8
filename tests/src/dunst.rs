//! dunst(1): a real program that shows notifications.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::desktop_session::DesktopSession;
use crate::process::Process;
use crate::requirements::{is_installed, skip};
use crate::screen::Screen;

const SETTINGS: &str = "/run/desktop/dunstrc";
const CHOICE: &str = "/run/desktop/choice";
const PATIENCE: Duration = Duration::from_secs(20);

/// It, in a session, on a screen of its own. Nothing disappears by itself.
#[derive(Debug)]
pub struct Dunst<'a> {
    session: &'a DesktopSession,
    process: Process,
    screen: Screen,
}

impl DesktopSession {
    /// Starts it. None, and a word about it, where it is not installed.
    #[must_use]
    #[track_caller]
    pub fn start_dunst(&self) -> Option<Dunst<'_>> {
        if let Some(absent) = ["dunst", "dbus-send", "Xvfb"].iter().find(|it| !is_installed(it)) {
            skip(&format!("{absent} is not installed"));
            return None;
        }
        // For the menu of actions it asks a program, as dmenu(1) is: lines in, the one that is chosen out.
        let settings = format!(
            "[global]\ndmenu = /bin/grep --max-count=1 --file={CHOICE}\n\
             [urgency_normal]\ntimeout = 0\n[urgency_critical]\ntimeout = 0\n"
        );
        self.machine().write_file(SETTINGS, settings);
        let screen = self.add_screen();
        let mut dunst = self.command("env");
        screen.show(&mut dunst);
        dunst.args(["dunst", "-print", "-conf", SETTINGS]);
        let process = self.machine().spawn_command(dunst);
        let dunst = Dunst { session: self, process, screen };
        dunst.wait_until("it answers", || dunst.ask(&["is-paused"]).as_deref() == Some("false"));
        Some(dunst)
    }
}

impl Dunst<'_> {
    /// Waits until it has been told of a notification with this title.
    #[track_caller]
    pub fn wait_for(&self, summary: &str) {
        self.process.wait_for_log(&format!("summary: '{summary}'"));
    }

    /// How many notifications it was told of, replaced ones too.
    pub fn told(&self) -> usize {
        self.process.log().matches("summary: '").count()
    }

    /// Waits until this many can be seen.
    #[track_caller]
    pub fn wait_for_displayed(&self, count: usize) {
        let shown = || self.ask(&["count", "displayed"]);
        self.wait_until(&format!("{count} can be seen"), || shown() == Some(count.to_string()));
    }

    /// The titles of those that have disappeared, the last one first.
    #[track_caller]
    pub fn history(&self) -> Vec<String> {
        let history: Value =
            serde_json::from_str(&self.ask(&["history"]).expect("a history")).expect("JSON");
        let titles = history["data"][0].as_array().into_iter().flatten();
        titles.filter_map(|it| it["summary"]["data"].as_str().map(str::to_owned)).collect()
    }

    /// The user clicks the notification itself.
    #[track_caller]
    pub fn click(&self) {
        self.ask(&["action", "0"]).expect("dunst is there");
    }

    /// The user chooses an action from the menu.
    #[track_caller]
    pub fn choose(&self, label: &str) {
        self.session.machine().write_file(CHOICE, format!("{label}\n"));
        self.ask(&["context"]).expect("dunst is there");
    }

    fn ask(&self, words: &[&str]) -> Option<String> {
        let mut ask: Command = self.session.command("env");
        self.screen.show(&mut ask);
        ask.arg("dunstctl").args(words);
        let output = ask.output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    #[track_caller]
    fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < end, "not so: {what}; dunst says:\n{}", self.process.log());
            thread::sleep(Duration::from_millis(50));
        }
    }
}
