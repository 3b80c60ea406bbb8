//! Who acts as an administrator without being root: whom polkit lets.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use adit_tests::{Adit, Lab, WireGuardServer};

const ALICE: u32 = 1000;
const BOB: u32 = 1001;

// spec: MGR-5, ENT-13, ENT-C2
#[test]
fn what_is_for_the_whole_computer_is_done_by_whom_polkit_lets() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let polkit = lab.client.start_polkit();
    let adit = Adit::start(&lab.client);
    let Some((alice, bob)) = adit.user(ALICE).zip(adit.user(BOB)) else { return };
    adit.import_with("office", &vpn.add_peer().conf(), &["--system"]);
    assert_eq!(polkit.asked(), [], "root is not asked for");

    // Each is refused after a question about the process that asks.
    for (words, action) in [
        (&["connect", "office"][..], "org.adit.use-system"),
        (&["show", "office", "--secrets"], "org.adit.change-system"),
        (&["rename", "office", "mine"], "org.adit.change-system"),
        (&["remove", "office", "--yes"], "org.adit.change-system"),
    ] {
        let refused = alice.try_run(words.iter().copied());
        assert_eq!(refused.status.code(), Some(4), "{words:?}: {refused:?}");
        let asked = polkit.asked();
        let [question] = &asked[..] else { panic!("{words:?}: {asked:?}") };
        assert_eq!((question.action.as_str(), question.uid), (action, ALICE.cast_signed()));
        assert!(question.pid > 1 && question.start_time > 0 && question.may_ask, "{question:?}");
    }

    polkit.allow("org.adit.use-system");
    alice.run(["connect", "office", "--wait", "15"]);
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    assert_eq!(adit.session("office")["startCause"]["user"]["uid"], ALICE);
    alice.run(["disconnect", "office"]);
    assert_eq!(alice.try_run(["remove", "office", "--yes"]).status.code(), Some(4));
    polkit.allow("org.adit.change-system");
    alice.run(["remove", "office", "--yes"]);
    _ = polkit.asked();

    // Consent is asked for once.
    let conf = vpn.peer().allowed_ips("203.0.113.20/32").no_dns().add().conf();
    let watching = alice.spawn(["watch", "--json"]);
    watching.wait_for_log("snapshot");
    let refused = alice.try_import("home", &conf);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    assert!(refused.stderr.contains("Nothing was stored."), "{refused:?}");
    let asked = polkit.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!((&*asked[0].action, asked[0].may_ask), ("org.adit.add-own", true));
    let listed: serde_json::Value = serde_json::from_str(&adit.run(["list", "--json"])).unwrap();
    assert!(!listed.to_string().contains("home"), "{listed}");
    polkit.allow("org.adit.add-own");
    alice.import("home", &conf);
    watching.wait_for_log("home");
    assert_eq!(watching.log().matches("configurationSaved").count(), 1, "{}", watching.log());
    _ = polkit.asked();

    // What somebody may not know of does not exist, whatever polkit would say.
    assert_eq!(bob.try_run(["remove", "home", "--yes"]).status.code(), Some(1));
    assert_eq!(polkit.asked(), []);
    alice.run(["remove", "home", "--yes"]);
    assert_eq!(polkit.asked(), [], "it is her own");
}
