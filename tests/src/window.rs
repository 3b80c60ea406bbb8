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

/// More than any page has.
const MOST_STOPS: usize = 60;
/// What `src-tauri/build.rs` puts in the place of pages that are not there.
const PLACEHOLDER: &str = "The window was not built.";

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
        if !program("adit-desktop").exists() {
            skip("adit-desktop is not built");
            return None;
        }
        // The window starts the agent that lies beside it.
        let (app, _agent) = (self.program("adit-desktop"), self.program("adit-agent"));
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
        let window = Window { page, _driver: driver, _screen: screen };
        if window.text("body").contains(PLACEHOLDER) {
            skip(
                "adit-desktop was built before its pages: npm ci, npm run ui:build, build it again",
            );
            return None;
        }
        Some(window)
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

    /// Clicks what says this: a button, a link, a line of a menu.
    #[track_caller]
    pub fn click_on(&self, text: &str) {
        let path = format!(
            "//*[self::button or self::a or self::summary or @role='menuitem'][normalize-space(.)='{text}']"
        );
        let script = "return document.evaluate(arguments[0], document, null, 9, null).singleNodeValue !== null";
        self.wait_until(text, || self.script(script, &[json!(path)]) == json!(true));
        done(self.page.click_xpath(&path));
    }

    /// Presses a key, as `Tab` or `Control+k`, on whatever has the focus.
    #[track_caller]
    pub fn press(&self, keys: &str) {
        let codes: Vec<char> = keys.split('+').map(code).collect();
        let (key, modifiers) = codes.split_last().expect("a key");
        done(self.page.press(&[*key], modifiers));
    }

    /// Types on whatever has the focus.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        let keys = text.chars().map(|key| if key == '\n' { code("Enter") } else { key });
        done(self.page.press(&keys.collect::<Vec<_>>(), &[]));
    }

    /// Waits until an element has the focus.
    #[track_caller]
    pub fn wait_for_focus(&self, css: &str) {
        self.wait_until(&format!("focus on {css}"), || self.has_focus(css));
    }

    /// Goes on by the tabulator to an element. Each stop on the way has to show that it has the focus.
    #[track_caller]
    pub fn tab_to(&self, css: &str) {
        let seen = "
            const it = document.activeElement;
            const { boxShadow, outlineStyle, outlineColor } = getComputedStyle(it);
            const isSeen = boxShadow !== 'none' || (outlineStyle !== 'none' && outlineColor !== 'rgba(0, 0, 0, 0)');
            return isSeen || it === document.body ? '' : it.outerHTML";
        let mut stops = 0;
        while !self.has_focus(css) {
            assert!(stops < MOST_STOPS, "{css} is not reached");
            stops += 1;
            self.press("Tab");
            assert_eq!(self.script(seen, &[]), "", "the focus is not seen");
        }
    }

    /// Shows a page by what stands behind the # of its address.
    #[track_caller]
    pub fn go(&self, hash: &str) {
        self.script("location.hash = arguments[0]", &[json!(hash)]);
    }

    /// Waits until a page is shown.
    #[track_caller]
    pub fn wait_for_page(&self, hash: &str) {
        self.wait_until(&format!("page {hash}"), || {
            self.script("return location.hash", &[]).as_str().is_some_and(|it| it.starts_with(hash))
        });
    }

    /// Loads the page again in another look: `light` or `dark`.
    #[track_caller]
    pub fn set_theme(&self, theme: &str) {
        let look = json!({ "theme": theme, "contrast": "system" }).to_string();
        self.script(
            "localStorage.setItem('look', arguments[0]); location.reload()",
            &[json!(look)],
        );
        self.wait_for(&format!("html[data-theme={theme}] main"));
    }

    /// Drops a file on the window. The event is the page's own: `WebDriver` knows no other program to drag from.
    #[track_caller]
    pub fn drop_file(&self, name: &str, content: &str) {
        let script = "
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([arguments[1]], arguments[0]));
            for (const kind of ['dragenter', 'dragover', 'drop'])
                document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));";
        self.script(script, &[json!(name), json!(content)]);
    }

    /// Types one line into an element. A field for files gets the one with this path, as from its dialog.
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
        // Half a transition has colours of its own. What moves forever is no transition.
        let still = "Promise.all(document.getAnimations()
            .filter(it => it.effect.getComputedTiming().endTime !== Infinity)
            .map(it => it.finished.catch(() => {})))";
        let found = "it => [it.id, it.nodes.map(node => node.html)]";
        let run = format!(
            "{still}.then(() => axe.run()).then(({{ violations }}) => arguments[0](violations.map({found})))"
        );
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
    fn has_focus(&self, css: &str) -> bool {
        self.script("return document.activeElement.matches(arguments[0])", &[json!(css)])
            == json!(true)
    }

    /// Waits until something is so.
    #[track_caller]
    pub fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
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

/// What `WebDriver` calls a key.
#[track_caller]
fn code(key: &str) -> char {
    match key {
        "Tab" => '\u{e004}',
        "Enter" => '\u{e007}',
        "Shift" => '\u{e008}',
        "Control" => '\u{e009}',
        "Alt" => '\u{e00a}',
        "Escape" => '\u{e00c}',
        "Space" => ' ',
        "End" => '\u{e010}',
        "Up" => '\u{e013}',
        "Down" => '\u{e015}',
        other => other.parse().expect("a key"),
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
