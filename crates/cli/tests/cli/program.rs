//! The program, run to its end, and what it said.

use std::{
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::helper::{Helper, Script};

/// Nothing here takes long; what does has hung.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) const PROFILE: &str = "\
[Interface]
PrivateKey = AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=
Address = 10.0.0.2/32
DNS = 10.0.0.1
PostUp = echo hello

[Peer]
PublicKey = AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=
Endpoint = vpn.example.net:51820
AllowedIPs = 10.0.0.0/8
";

/// A helper that has the configuration `work`.
pub(crate) async fn imported(script: Script) -> Helper {
    let helper = Helper::start(script);
    with_input(&helper, &["import", "-", "--name", "work"], PROFILE).await;
    helper
}

pub(crate) fn command(socket: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
    command.args(arguments).env("ADIT_SOCKET", socket).env_remove("VISUAL").kill_on_drop(true);
    command
}

pub(crate) async fn run(helper: &Helper, arguments: &[&str]) -> Output {
    finish(command(&helper.socket(), arguments), "").await
}

pub(crate) async fn with_input(helper: &Helper, arguments: &[&str], input: &str) -> Output {
    let output = finish(command(&helper.socket(), arguments), input).await;
    assert!(output.status.success(), "{output:?}");
    output
}

pub(crate) async fn finish(mut command: Command, input: &str) -> Output {
    finish_as_set(command.stdout(Stdio::piped()).stderr(Stdio::piped()), input).await
}

pub(crate) async fn finish_as_set(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // Whether it is read is the program's affair.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
    timeout(LIMIT, child.wait_with_output()).await.expect("it hung").unwrap()
}

pub(crate) async fn ok(helper: &Helper, arguments: &[&str]) -> String {
    let output = run(helper, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What is on standard error, of a failure with nothing on standard output.
pub(crate) fn failure(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert_eq!(output.stdout, b"", "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn json_failure(output: &Output, code: i32) -> Value {
    let mut value: Value = serde_json::from_str(&failure(output, code)).unwrap();
    value["error"].take()
}

pub(crate) async fn next<R: tokio::io::AsyncBufRead + Unpin>(
    lines: &mut tokio::io::Lines<R>,
) -> String {
    timeout(LIMIT, lines.next_line()).await.expect("it hung").unwrap().unwrap()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
