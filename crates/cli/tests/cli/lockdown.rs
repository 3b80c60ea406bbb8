use crate::{
    helper::Script,
    program::{failure, imported, json, ok, run},
};

#[tokio::test(flavor = "multi_thread")]
async fn lockdown_is_switched_and_every_verb_says_that_traffic_is_blocked() {
    let helper = imported(Script::Connects).await;
    let off = "Lockdown is off: what no tunnel takes goes out directly.\n";
    assert_eq!(ok(&helper, &["lockdown"]).await, off);
    let on = "Lockdown is on: nothing leaves this computer but through a tunnel";
    let said = ok(&helper, &["lockdown", "on", "--allow-local-networks"]).await;
    assert!(said.starts_with(&format!("{on}, or to the local network.\n")), "{said}");
    let said = ok(&helper, &["lockdown", "on"]).await;
    assert!(said.starts_with(&format!("{on}.\nLockdown is on, and no tunnel")), "{said}");
    let machine = json(&run(&helper, &["lockdown", "--json"]).await);
    assert_eq!(machine["blocking"], true);
    assert_eq!(machine["lockdown"]["allowLocalNetworks"], false);

    let status = ok(&helper, &["status"]).await;
    assert!(status.starts_with("Lockdown is on, and no tunnel is connected.\n  Nothing leaves"));
    assert!(status.contains("adit lockdown off") && !status.contains("directly"), "{status}");
    let status = json(&run(&helper, &["status", "--json"]).await);
    assert_eq!(status["machine"]["health"][0]["code"], "blocked.lockdown");
    ok(&helper, &["connect", "work"]).await;
    let said = ok(&helper, &["disconnect", "work"]).await;
    assert!(said.starts_with("“work” is disconnected.\nLockdown is on, and no tunnel"), "{said}");
    assert_eq!(ok(&helper, &["lockdown", "off"]).await, off);

    let helper = imported(Script::Refuses).await;
    failure(&run(&helper, &["lockdown", "on"]).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_that_failed_and_blocks_says_so_until_it_is_disconnected() {
    let helper = imported(Script::FailsClosed).await;
    let error = failure(&run(&helper, &["connect", "work"]).await, 1);
    assert!(error.contains("Traffic stays blocked. Try again with: adit connect work."), "{error}");
    assert!(error.contains("Open the network with: adit disconnect work"), "{error}");
    let status = ok(&helper, &["status"]).await;
    assert!(status.starts_with("work: Traffic is blocked: the server does not answer.\n"));
    assert_eq!(status.matches("adit disconnect work").count(), 1, "{status}");
    let said = ok(&helper, &["disconnect", "work"]).await;
    assert_eq!(said, "“work” is disconnected.\n");
    let status = ok(&helper, &["status"]).await;
    assert!(status.starts_with("Not connected. Traffic goes out directly."), "{status}");
}
