//! Where results and reasons go: standard output and standard error, as text or JSON.

use adit_sentence::Glyph;
use std::{
    env,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use serde::Serialize;
use serde_json::json;

use crate::{
    failure::Failure,
    page::{Page, Style},
};

/// What a verb has to say: the value for programs is the report itself.
pub(crate) trait Report: Serialize {
    /// The same for people.
    fn write(&self, page: &mut Page);
}

/// Standard output and standard error.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    out: Style,
    error: Style,
}

impl Output {
    pub(crate) fn of_process(json: bool) -> Self {
        let colours = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && env::var_os("TERM").is_none_or(|term| term != "dumb");
        let style = |terminal: bool| Style { glyphs: terminal, colours: terminal && colours };
        Self {
            json,
            out: style(io::stdout().is_terminal()),
            error: style(io::stderr().is_terminal()),
        }
    }

    /// Whether people are told on standard error how things go.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.json && self.error.glyphs
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn report(&self, report: &impl Report) -> Result<(), Failure> {
        if self.json { print_json(report) } else { to_standard_output(&self.page(report)) }
    }

    /// One of many reports: on a line of its own as JSON.
    pub(crate) fn event(&self, report: &impl Report) -> Result<(), Failure> {
        if !self.json {
            return to_standard_output(&self.page(report));
        }
        let text = serde_json::to_string(report).map_err(io::Error::from);
        to_standard_output(&(text.map_err(Failure::Output)? + "\n"))
    }

    /// Something for people beside the result.
    pub(crate) fn note(&self, text: &str) {
        if self.json {
            return;
        }
        let mut page = Page::new(self.error);
        page.line(text);
        to_standard_error(&page.into_text());
    }

    /// Why it did not work, and the exit code that says so.
    pub(crate) fn failure(&self, failure: &Failure) -> ExitCode {
        if failure.is_broken_pipe() {
            // Whoever read the output has seen enough.
            return ExitCode::SUCCESS;
        }
        if self.json {
            let mut error = json!({ "message": failure.to_string(), "kind": failure.kind() });
            if let Some(hint) = failure.hint() {
                error["hint"] = hint.into();
            }
            to_standard_error(&format!("{}\n", json!({ "error": error })));
        } else {
            let mut page = Page::new(self.error);
            let glyph =
                if failure.is_service_missing() { Glyph::ServiceMissing } else { Glyph::Problem };
            page.glyph(glyph);
            page.line(&failure.to_string());
            if let Some(hint) = failure.hint() {
                page.line(&hint);
            }
            to_standard_error(&page.into_text());
        }
        ExitCode::from(failure.exit_code())
    }

    fn page(&self, report: &impl Report) -> String {
        let mut page = Page::new(self.out);
        report.write(&mut page);
        page.into_text()
    }
}

/// One JSON value.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from);
    to_standard_output(&(text.map_err(Failure::Output)? + "\n"))
}

/// The text as it is.
pub(crate) fn to_standard_output(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Output)
}

/// There is nowhere left to say that standard error is closed.
pub(crate) fn to_standard_error(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
