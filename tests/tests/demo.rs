//! What a new user sees first.

use std::process::{Command, Output};

use adit_tests::program;

#[test]
fn the_demo_goes_the_whole_way() {
    let shown = finished(&Command::new(program("adit-demo")).output().unwrap());
    assert!(shown.contains("All traffic goes through vpn.test."), "{shown}");
}

/// Without root, in a user namespace. The device is given a private twin that everybody may open, as
/// distributions have it.
#[test]
fn the_demo_needs_no_root() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let demo = program("adit-demo").display().to_string();
    let source = env!("CARGO_MANIFEST_DIR");
    let as_nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    let readable = format!("{as_nobody} test -r {source}/Cargo.toml -a -x {demo}");
    if !Command::new("sh").args(["-c", &readable]).status().unwrap().success() {
        println!("*** skipped: other users cannot read {source} ***");
        return;
    }
    let script = format!(
        "mount -t tmpfs tmpfs /dev/net && mknod /dev/net/tun c 10 200 && chmod 666 /dev/net/tun
         cd / && exec {as_nobody} {demo}"
    );
    let shown = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output();
    finished(&shown.unwrap());
}

fn finished(shown: &Output) -> String {
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let errors = String::from_utf8_lossy(&shown.stderr);
    assert!(shown.status.success() && text.contains("That was Adit."), "{text}{errors}");
    text
}
