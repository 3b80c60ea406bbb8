//! What `adit diagnose` writes, and what it does not.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use adit_tests::{Adit, Lab, WireGuardServer, program};

const FILE: &str = "/run/report.zip";

/// Prints the names of what is in an archive, and says which of the keys are in it, in whatever form.
const SEARCH: &str = r#"
import base64, sys, zipfile
path, *keys = sys.argv[1:]
archive = zipfile.ZipFile(path)
assert archive.testzip() is None
print(*archive.namelist(), sep="\n")
content = open(path, "rb").read() + b"".join(archive.read(name) for name in archive.namelist())
for key in keys:
    raw = base64.b64decode(key)
    url = base64.urlsafe_b64encode(raw)
    forms = [key.rstrip("=").encode(), url.rstrip(b"="), raw.hex().encode(), raw.hex().upper().encode(), raw]
    if any(form in content for form in forms):
        print("found", key)
"#;

// spec: X-9
#[test]
fn a_report_tells_everything_but_the_keys() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let peer = vpn.peer().preshared_key().add();
    adit.import_with("home", &peer.conf(), &["--enforce-routes"]);
    adit.connect("home");
    // In the place of the journal, which this machine has not.
    lab.client.write_file("/run/log", adit.helper().log());
    lab.client.write_file("/run/journal/journalctl", "#!/bin/sh\ncat /run/log\n");
    lab.client.run(["chmod", "755", "/run/journal/journalctl"]);
    let said = lab.client.sh(&format!(
        "PATH=/run/journal:$PATH ADIT_SOCKET=/run/adit/helper.sock {} diagnose {FILE}",
        program("adit").display()
    ));
    assert!(said.contains("no keys or passwords"), "{said}");
    assert_eq!(lab.client.sh(&format!("stat -c %a {FILE}")), "600\n");

    let secrets = [Some(peer.private_key.clone()), peer.preshared_key.clone()];
    let secrets: Vec<String> = secrets.into_iter().flatten().collect();
    assert_eq!(secrets.len(), 2);
    let search = |keys: &[String]| {
        let words = ["python3", "-c", SEARCH, FILE].into_iter().map(str::to_owned);
        lab.client.run(words.chain(keys.iter().cloned()))
    };
    let found = search(&[secrets.as_slice(), &[vpn.public_key().to_owned()]].concat());
    for name in [
        "system.json",
        "status.json",
        "addresses.txt",
        "rules.txt",
        "routes.txt",
        "log.txt",
        "dns.json",
    ] {
        assert!(found.contains(name), "{found}");
    }
    // What is no secret is found, so that the search proves something.
    assert!(found.contains(&format!("found {}", vpn.public_key())), "{found}");
    assert_eq!(found.matches("found").count(), 1, "{found}");
    let text = lab.client.sh(&format!("cat {FILE} | tr -d '\\000' | grep -a ."));
    for part in
        ["-4 5150: from all lookup 44544", "default dev adit0 table 44544", "table inet adit {"]
    {
        assert!(text.contains(part), "{part} is not in the report");
    }

    // Whose session it is stands before what its task and its provider say.
    let session = adit.session("home");
    let of_session = format!("session{{id={}}}: ", session["id"].as_str().unwrap());
    let of_it: Vec<&str> = text.lines().filter(|line| line.contains(&of_session)).collect();
    for said in ["“home” is connected.", "the server answered"] {
        assert!(of_it.iter().any(|line| line.contains(said)), "{said}: {of_it:#?}");
    }

    let reason = adit.refused(1, ["diagnose", FILE]);
    assert!(reason.contains("exists"), "{reason}");
}

#[test]
fn without_a_tunnel_there_is_a_report_too() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    adit.run(["diagnose", FILE]);
    let found = lab.client.run(["python3", "-c", SEARCH, FILE]);
    assert!(found.contains("routes.txt") && !found.contains("sessions/"), "{found}");
}
