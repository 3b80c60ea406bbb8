//! The real window without a mouse, and as assistive technology finds it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use adit_tests::Home;
use serde_json::json;

const MENU: &str = "header button[aria-haspopup=menu]";

#[test]
fn everything_is_done_by_keyboard_alone() {
    let Some(Home { lab, vpn, adit }) = Home::imported() else { return };
    let session = lab.client.start_desktop_session();
    let Some(window) = session.open_window(&[]) else { return };
    window.wait_for("a.row");
    window.tab_to("a.row");
    window.press("Space");
    adit.wait_for("home", "connected");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    window.press("Control+k");
    window.wait_for_focus(".switcher-input");
    window.type_text("hom");
    window.press("Enter");
    adit.wait_for("home", "disconnected");

    // Renamed.
    window.tab_to(MENU);
    window.press("Enter");
    window.wait_for_focus("[role=menuitem]");
    window.press("Enter");
    window.wait_for_page("#/edit");
    window.wait_for("#field-name");
    window.tab_to("#field-name");
    window.press("Control+a");
    window.type_text("office");
    window.press("Control+s");
    window.wait_for_text("h1", "office");
    adit.run(["show", "office"]);

    // Deleted, and brought back.
    window.tab_to(MENU);
    window.press("Enter");
    window.wait_for_focus("[role=menuitem]");
    window.press("End");
    window.press("Enter");
    window.wait_for_text("aside.notice", "office");
    window.wait_until("empty list", || !window.text("nav").contains("office"));
    window.tab_to("aside.notice button");
    window.press("Enter");
    window.wait_for_text("nav", "office");
    adit.run(["show", "office"]);

    for (keys, page) in
        [("Control+i", "#/import"), ("Control+l", "#/logs"), ("Control+,", "#/settings")]
    {
        window.press(keys);
        window.wait_for_page(page);
        window.press("Escape");
        window.wait_until("the first page", || window.script("return location.hash", &[]) == "#/");
    }
}

#[test]
fn no_page_keeps_anybody_out_in_light_and_in_dark() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::connected() else { return };
    let session = lab.client.start_desktop_session();
    let Some(window) = session.open_window(&[]) else { return };
    let id = adit.session("home")["id"].as_str().unwrap().to_owned();
    let about = |page: &str| format!("#/{page}/{id}");
    for theme in ["light", "dark"] {
        window.set_theme(theme);
        let check = |page: &str| {
            assert_eq!(window.violations(), json!([]), "{page} in {theme}");
            window.photograph(&format!("desktop-{page}-{theme}"));
        };
        for (name, hash, shown) in [
            ("detail", about("configuration"), "canvas"),
            ("rules", about("onDemand"), "#rules-idle"),
            ("share", about("share"), "main h1"),
            ("form", about("edit"), "#field-name"),
            ("create", "#/create".into(), "#field-name"),
            ("import", "#/import".into(), ".hand"),
            ("settings", "#/settings".into(), ".settings [role=switch]"),
            ("logs", "#/logs".into(), ".lines"),
            ("about", "#/about".into(), "main h1"),
        ] {
            window.go(&hash);
            window.wait_for_page(&hash);
            window.wait_for(shown);
            check(name);
        }
        window.go(&about("edit"));
        window.click("#edit-tab-text");
        window.wait_for(".cm-editor");
        check("text");
    }
}
