//! What the service logs, as the journal has it.

use std::{
    path::Path,
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use specta::Type;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader, Lines},
    process::Command,
    time::timeout,
};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogLine {
    /// RFC 3339.
    time: String,
    level: LogLevel,
    /// Which part of which program says it; empty where the journal says something itself.
    target: String,
    text: String,
}

/// How much it matters, from the worst on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) enum LogLevel {
    /// Something failed.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What a user wants to know.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

/// What the window hears: lines that are new.
#[derive(Debug, Clone, Serialize, Deserialize, Type, tauri_specta::Event)]
pub(crate) struct Logged(Vec<LogLine>);

/// Who follows the log for the window: at most one.
#[derive(Default)]
pub(crate) struct Reader(Mutex<Option<tauri::async_runtime::JoinHandle<()>>>);

/// The program that reads the journal.
pub(crate) const JOURNALCTL: &str = "journalctl";

/// How much of the past is told.
const PAST: &str = "--lines=1000";
/// Lines that come together are told together: a window has better things to do than a thousand events.
const TOGETHER: Duration = Duration::from_millis(30);
const MOST_TOGETHER: usize = 500;

impl Reader {
    /// Puts another in the place of the one that was, or none.
    pub(crate) fn replace(&self, by: Option<tauri::async_runtime::JoinHandle<()>>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = std::mem::replace(&mut *kept, by) {
            before.abort();
        }
    }
}

/// Tells of the service's log, what there is and what comes, until it is dropped. That it cannot be read is a line too.
pub(crate) async fn follow(program: &Path, tell: impl Fn(Logged)) {
    let unit = "--unit=adit-helper.service";
    let child = Command::new(program)
        .args([unit, "--output=cat", "--no-pager", "--follow", PAST])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            let text = format!("The journal cannot be read: {error}");
            return tell(Logged(vec![LogLine::of_the_journal(text, LogLevel::Error)]));
        }
    };
    let Some((stdout, stderr)) = child.stdout.take().zip(child.stderr.take()) else { return };
    let hints = async {
        let mut lines = BufReader::new(stderr).lines();
        while let Ok(Some(hint)) = lines.next_line().await {
            tell(Logged(vec![LogLine::of_the_journal(hint, LogLevel::Warn)]));
        }
    };
    tokio::join!(told(BufReader::new(stdout).lines(), &tell), hints);
}

async fn told<R: AsyncRead + Unpin>(mut lines: Lines<BufReader<R>>, tell: &impl Fn(Logged)) {
    let mut last = None;
    while let Ok(Some(line)) = lines.next_line().await {
        let mut together = vec![LogLine::parse(&line, last.as_ref())];
        while together.len() < MOST_TOGETHER
            && let Ok(Ok(Some(line))) = timeout(TOGETHER, lines.next_line()).await
        {
            together.push(LogLine::parse(&line, together.last()));
        }
        last = together.last().cloned();
        tell(Logged(together));
    }
}

impl LogLine {
    /// A line as `tracing` writes it. One that does not look so goes on where the `last` one ended.
    fn parse(line: &str, last: Option<&Self>) -> Self {
        Self::parts(line).unwrap_or_else(|| Self {
            time: last.map_or_else(now, |last| last.time.clone()),
            level: last.map_or(LogLevel::Info, |last| last.level),
            target: String::new(),
            text: line.into(),
        })
    }

    fn parts(line: &str) -> Option<Self> {
        let (time, rest) = line.split_once(' ')?;
        time.parse::<Timestamp>().ok()?;
        let (level, rest) = rest.trim_start().split_once(' ')?;
        let level = match level {
            "ERROR" => LogLevel::Error,
            "WARN" => LogLevel::Warn,
            "INFO" => LogLevel::Info,
            "DEBUG" => LogLevel::Debug,
            "TRACE" => LogLevel::Trace,
            _ => return None,
        };
        let (target, text) = without_session(rest).split_once(": ")?;
        Some(Self { time: time.into(), level, target: target.into(), text: text.into() })
    }

    fn of_the_journal(text: String, level: LogLevel) -> Self {
        Self { time: now(), level, target: String::new(), text }
    }
}

/// Whose session a line is of comes first, and its words say so too.
fn without_session(line: &str) -> &str {
    let after = line.strip_prefix("session{").and_then(|line| line.split_once("}: "));
    after.map_or(line, |(_, line)| line)
}

fn now() -> String {
    Timestamp::now().to_string()
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt,
        sync::Mutex,
    };

    use super::*;

    const FIRST: &str = "2026-03-01T10:00:00.5Z  INFO adit_helper::session: “home” is connected.";

    #[test]
    fn a_line_is_taken_apart_and_one_without_a_head_belongs_to_the_one_before() {
        let first = LogLine::parse(FIRST, None);
        let expected = LogLine {
            time: "2026-03-01T10:00:00.5Z".into(),
            level: LogLevel::Info,
            target: "adit_helper::session".into(),
            text: "“home” is connected.".into(),
        };
        assert_eq!(first, expected);
        let of_session = FIRST.replace("INFO ", "INFO session{id=5f0c6a32}: ");
        assert_eq!(LogLine::parse(&of_session, None), expected);
        let next = LogLine::parse("link mtu 1420 up", Some(&first));
        let expected =
            LogLine { target: String::new(), text: "link mtu 1420 up".into(), ..first.clone() };
        assert_eq!(next, expected);
        for odd in
            ["", "2026-03-01T10:00:00Z", "yesterday INFO a: b", "2026-03-01T10:00:00Z LOUD a: b"]
        {
            assert_eq!(LogLine::parse(odd, Some(&first)).text, odd);
        }
    }

    #[tokio::test]
    async fn what_the_journal_says_is_told_in_order_and_its_hints_too() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("journalctl");
        fs::write(&program, format!("#!/bin/sh\necho '{FIRST}'\necho more\necho 'a hint' >&2\n"))
            .unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
        let lines = heard(&program).await;
        let texts: Vec<&str> = lines
            .iter()
            .filter(|line| line.level == LogLevel::Info)
            .map(|line| &*line.text)
            .collect();
        assert_eq!(texts, ["“home” is connected.", "more"]);
        assert!(lines.iter().any(|line| line.level == LogLevel::Warn && line.text == "a hint"));
    }

    #[tokio::test]
    async fn a_journal_that_cannot_be_read_is_told() {
        let lines = heard(Path::new("/nonexistent/journalctl")).await;
        assert!(lines[0].text.starts_with("The journal cannot be read: "), "{lines:?}");
    }

    async fn heard(program: &Path) -> Vec<LogLine> {
        let lines = Mutex::new(Vec::new());
        follow(program, |Logged(more)| lines.lock().unwrap().extend(more)).await;
        lines.into_inner().unwrap()
    }
}
