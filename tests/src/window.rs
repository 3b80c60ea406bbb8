//! Adit's window on a machine, on a screen of its own.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::desktop_session::DesktopSession;
use crate::installation::program;
use crate::process::Process;
use crate::requirements::skip;
use crate::screen::Screen;
use crate::web_driver::{Script, WebDriver};

const PATIENCE: Duration = Duration::from_secs(30);

/// The open window. It closes when dropped.
#[derive(Debug)]
pub struct Window {
    page: WebDriver,
    _driver: Process,
    _screen: Screen,
}

impl DesktopSession {
    /// Opens the window on a screen of its own. None, and a word about it, where it was not built.
    #[must_use]
    #[track_caller]
    pub fn open_window(&self, arguments: &[&str]) -> Option<Window> {
        let app = program("adit-desktop");
        if !app.exists() {
            skip("adit-desktop is not built");
            return None;
        }
        let screen = self.add_screen();
        let mut driver = self.command("env");
        screen.show(&mut driver);
        driver.arg("TAURI_WEBVIEW_AUTOMATION=true");
        driver.args(["WebKitWebDriver", "--host=127.0.0.1", "--port=4444"]);
        let driver = self.machine().spawn_command(driver);
        eventually("a driver", || WebDriver::is_there(self.machine()));
        let capabilities =
            json!({ "webkitgtk:browserOptions": { "binary": app, "args": arguments } });
        let page = WebDriver::start(self.machine(), &capabilities);
        let page = page.unwrap_or_else(|error| panic!("no window: {error}\n{}", driver.log()));
        Some(Window { page, _driver: driver, _screen: screen })
    }
}

impl Window {
    /// Waits until there is an element.
    #[track_caller]
    pub fn wait_for(&self, css: &str) {
        let script = "return document.querySelector(arguments[0]) !== null";
        self.wait_until(css, || self.script(script, &[json!(css)]) == json!(true));
    }

    /// Waits until an element contains a text.
    #[track_caller]
    pub fn wait_for_text(&self, css: &str, text: &str) {
        self.wait_until(&format!("“{text}” in {css}"), || self.text(css).contains(text));
    }

    /// The text of the first such element; empty if there is none.
    #[track_caller]
    pub fn text(&self, css: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        self.script(script, &[json!(css)]).as_str().unwrap_or_default().to_owned()
    }

    /// Clicks an element as a mouse does.
    #[track_caller]
    pub fn click(&self, css: &str) {
        self.wait_for(css);
        done(self.page.click(css));
    }

    /// Types into an element.
    #[track_caller]
    pub fn send_keys(&self, css: &str, text: &str) {
        self.wait_for(css);
        done(self.page.send_keys(css, text));
    }

    /// What a script in the page returns.
    #[track_caller]
    pub fn script(&self, script: &str, arguments: &[Value]) -> Value {
        done(self.page.run(Script::Returns, script, arguments))
    }

    /// What a script in the page gives to its last argument.
    #[track_caller]
    pub fn script_async(&self, script: &str, arguments: &[Value]) -> Value {
        done(self.page.run(Script::CallsBack, script, arguments))
    }

    /// What axe-core finds wrong for people who use the page by other means than eyes and mouse.
    #[track_caller]
    pub fn violations(&self) -> Value {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../node_modules/axe-core/axe.min.js");
        let axe = fs::read_to_string(file).expect("axe-core, which npm ci brings");
        self.script(&axe, &[]);
        let found = "it => [it.id, it.nodes.map(node => node.html)]";
        let run =
            format!("axe.run().then(({{ violations }}) => arguments[0](violations.map({found})))");
        self.script_async(&run, &[])
    }

    /// Keeps a picture of the window where continuous integration finds it.
    #[track_caller]
    pub fn photograph(&self, name: &str) {
        let picture = STANDARD.decode(done(self.page.screenshot())).expect("a picture");
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/screenshots"));
        let kept = fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join(format!("{name}.png")), picture));
        kept.expect("a folder for pictures");
    }

    #[track_caller]
    fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            if Instant::now() > end {
                let page = self.script("return document.body.innerText", &[]);
                panic!("no {what}; the page says:\n{}", page.as_str().unwrap_or_default());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // It may have been closed already.
        _ = self.page.end();
    }
}

#[track_caller]
fn done<T>(result: Result<T, String>) -> T {
    result.unwrap_or_else(|error| panic!("the window: {error}"))
}

#[track_caller]
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "no {what}");
        thread::sleep(Duration::from_millis(50));
    }
}
