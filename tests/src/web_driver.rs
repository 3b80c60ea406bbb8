//! Just enough of `WebDriver` (<https://www.w3.org/TR/webdriver2/>) to drive one window. The clients that there are bring an
//! HTTP stack in versions of their own.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::machine::Machine;

/// Where the driver listens.
const ADDRESS: &str = "127.0.0.1:4444";
/// A page that is busy for longer does not work.
const LIMIT: Duration = Duration::from_secs(60);
/// The key of an element (section 11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A session of the driver.
#[derive(Debug)]
pub(crate) struct WebDriver {
    machine: Machine,
    path: String,
}

impl WebDriver {
    /// Whether a driver listens on the machine.
    pub(crate) fn is_there(machine: &Machine) -> bool {
        machine.enter(|| TcpStream::connect(ADDRESS).is_ok())
    }

    /// Starts a browser.
    pub(crate) fn start(machine: &Machine, capabilities: &Value) -> Result<Self, String> {
        let body = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let started = call(machine, "POST", "/session", &body)?;
        let id = started["sessionId"].as_str().ok_or_else(|| format!("no session: {started}"))?;
        Ok(Self { machine: machine.clone(), path: format!("/session/{id}") })
    }

    /// Runs a script in the page, to its `return` or to its call of its last argument.
    pub(crate) fn run(
        &self,
        kind: Script,
        script: &str,
        arguments: &[Value],
    ) -> Result<Value, String> {
        let path = match kind {
            Script::Returns => "/execute/sync",
            Script::CallsBack => "/execute/async",
        };
        self.post(path, &json!({ "script": script, "args": arguments }))
    }

    /// Clicks an element as a mouse does.
    pub(crate) fn click(&self, css: &str) -> Result<(), String> {
        let element = self.element(css)?;
        self.post(&format!("/element/{element}/click"), &json!({})).map(drop)
    }

    /// Gives an element what can be sent to it: a field for files its path.
    pub(crate) fn send_keys(&self, css: &str, text: &str) -> Result<(), String> {
        let element = self.element(css)?;
        self.post(&format!("/element/{element}/value"), &json!({ "text": text })).map(drop)
    }

    /// Presses keys one after the other on whatever has the focus; the modifiers are held meanwhile. Keys without a character
    /// have the codes of section 17.4.2.
    pub(crate) fn press(&self, keys: &[char], modifiers: &[char]) -> Result<(), String> {
        let down = |key: &char| json!({ "type": "keyDown", "value": key });
        let up = |key: &char| json!({ "type": "keyUp", "value": key });
        let strokes = keys.iter().flat_map(|key| [down(key), up(key)]);
        let released = modifiers.iter().rev().map(up);
        let actions: Vec<Value> =
            modifiers.iter().map(down).chain(strokes).chain(released).collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.post("/actions", &json!({ "actions": [keyboard] })).map(drop)
    }

    /// A PNG in base64.
    pub(crate) fn screenshot(&self) -> Result<String, String> {
        let picture =
            call(&self.machine, "GET", &format!("{}/screenshot", self.path), &Value::Null)?;
        picture.as_str().map(str::to_owned).ok_or_else(|| "no picture".into())
    }

    /// Ends the browser.
    pub(crate) fn end(&self) -> Result<(), String> {
        call(&self.machine, "DELETE", &self.path, &Value::Null).map(drop)
    }

    /// Clicks what an `XPath` finds.
    pub(crate) fn click_xpath(&self, path: &str) -> Result<(), String> {
        let element = self.find("xpath", path)?;
        self.post(&format!("/element/{element}/click"), &json!({})).map(drop)
    }

    fn element(&self, css: &str) -> Result<String, String> {
        self.find("css selector", css)
    }

    fn find(&self, using: &str, value: &str) -> Result<String, String> {
        let body = json!({ "using": using, "value": value });
        let element = self.post("/element", &body)?;
        element[ELEMENT].as_str().map(str::to_owned).ok_or_else(|| format!("no element: {element}"))
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        call(&self.machine, "POST", &format!("{}{path}", self.path), body)
    }
}

/// How a script ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    Returns,
    CallsBack,
}

/// The `value` of the answer.
fn call(machine: &Machine, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let answer =
        machine.enter(|| exchange(method, path, body)).map_err(|error| error.to_string())?;
    let start = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or("no answer")?;
    let is_ok = answer.starts_with(b"HTTP/1.1 200") || answer.starts_with(b"HTTP/1.0 200");
    let mut said: Value = serde_json::from_slice(&answer[start + 4..])
        .map_err(|error| format!("{method} {path}: {error}"))?;
    let value = said["value"].take();
    if is_ok { Ok(value) } else { Err(format!("{method} {path}: {value}")) }
}

fn exchange(method: &str, path: &str, body: &Value) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(ADDRESS)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {ADDRESS}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}
