//! What a provider is kept from, tried out by one that tries.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use adit_tests::{Adit, Lab, WireGuardServer};
use serde_json::json;

const CURIOUS: &str = "org.example.curious";

/// Says of each attempt what came of it: `yes`, or the name of the error.
const ATTEMPTS: &str = r#"#!/usr/bin/env python3
import ctypes, errno, os, platform, socket, threading

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER, SIGCHLD = 0x10000000, 17
clone = {"x86_64": 56, "aarch64": 220}[platform.machine()]

def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")

def attempt(name, act):
    try:
        act()
        print(name, "yes", flush=True)
    except OSError as error:
        print(name, errno.errorcode[error.errno], flush=True)

# Without the filter each of these would work, or fail for another reason.
attempt("ptrace", lambda: call(libc.ptrace(0, 0, 0, 0)))
attempt("unshare", lambda: call(libc.unshare(CLONE_NEWUSER)))
attempt("clone", lambda: call(libc.syscall(clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)))
attempt("clone3", lambda: call(libc.syscall(435, 0, 0)))
attempt("io_uring", lambda: call(libc.syscall(425, 1, 0)))
attempt("pidfd_getfd", lambda: call(libc.syscall(438, -1, 0, 0)))
attempt("setns", lambda: call(libc.setns(-1, 0)))
attempt("mount", lambda: call(libc.mount(0, 0, 0, 0, 0)))
attempt("vsock", lambda: socket.socket(socket.AF_VSOCK))
attempt("unix", lambda: socket.socket(socket.AF_UNIX).close())
attempt("thread", lambda: threading.Thread(target=int).start())
attempt("system-file", lambda: open("/etc/hostname").read())
attempt("foreign-file", lambda: open("/srv/public").read())
attempt("foreign-folder", lambda: os.listdir("/srv"))
attempt("foreign-program", lambda: os.execv("/srv/program", ["program"]))
attempt("writing", lambda: open("/var/tmp/mine", "w"))
attempt("temporary", lambda: open("/tmp/mine", "w").write("x"))
print("seen", len(os.listdir("/tmp")), flush=True)
print("done", flush=True)
"#;

// spec: ENT-16
#[test]
fn a_provider_that_tries_is_refused() {
    let Some(lab) = Lab::new() else { return };
    let mut adit = Adit::start(&lab.client);
    adit.install_provider(CURIOUS, ATTEMPTS);
    adit.import_for(CURIOUS, "curious", &json!({}));
    // For everybody, so that nothing but the sandbox refuses it.
    lab.client.sh("mkdir -p /srv; echo text > /srv/public; chmod 644 /srv/public
         printf '#!/bin/sh\n' > /srv/program; chmod 755 /srv/program
         chmod 1777 /var/tmp; touch /tmp/of-somebody-else");
    adit.refused(1, ["connect", "curious"]);
    adit.helper().wait_for_log("done");
    let log = adit.helper().log();
    for (what, outcome) in [
        ("ptrace", "EPERM"),
        ("unshare", "EPERM"),
        ("clone", "EPERM"),
        ("clone3", "ENOSYS"),
        ("io_uring", "EPERM"),
        ("pidfd_getfd", "EPERM"),
        ("setns", "EPERM"),
        ("mount", "EPERM"),
        ("vsock", "EPERM"),
        ("unix", "yes"),
        ("thread", "yes"),
        ("system-file", "yes"),
        ("foreign-file", "EACCES"),
        ("foreign-folder", "EACCES"),
        ("foreign-program", "EACCES"),
        ("writing", "EACCES"),
        ("temporary", "yes"),
        ("seen", "1"),
    ] {
        assert!(log.contains(&format!(": {what} {outcome} ")), "{what} is not {outcome}:\n{log}");
    }
    assert!(!lab.client.try_run(["test", "-e", "/tmp/mine"]).status.success());

    // Who does what a provider is for notices nothing of it, and it stays so when another helper comes.
    let vpn = WireGuardServer::start(&lab.server);
    adit.import("home", &vpn.add_peer().conf());
    adit.connect("home");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    adit.kill_helper();
    adit.restart_helper();
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    adit.disconnect("home");
    adit.assert_no_residue();
}
