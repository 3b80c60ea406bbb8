//! The one window. Closing it frees the web view.

use gtk::prelude::GtkWindowExt;
use tauri::{AppHandle, Manager, WebviewUrl, WebviewWindowBuilder, webview::PlatformWebview};
use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt, WebViewExt};

const LABEL: &str = "main";

/// Shows the window, and makes it if there is none. Desktops let it come to the front when there is a `token` of the click that
/// asked for it (xdg-activation).
pub(crate) fn open(app: &AppHandle, token: Option<&str>) -> tauri::Result<()> {
    if let Some(window) = app.get_webview_window(LABEL) {
        window.unminimize()?;
        window.show()?;
        if let Some(token) = token {
            window.gtk_window()?.set_startup_id(token);
        }
        return window.set_focus();
    }
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title("Adit")
        // Files that are dropped come to the page as content; the handler would give it paths.
        .disable_drag_drop_handler()
        .inner_size(940.0, 640.0)
        .min_inner_size(400.0, 480.0)
        .build()?;
    window.with_webview(|view| draw_without_driver(&view))
}

/// A page of text and lines is drawn before a graphics driver is there, scrolls at least as smoothly, and is never left white by
/// one that `WebKit` does not get on with.
fn draw_without_driver(view: &PlatformWebview) {
    if let Some(settings) = view.inner().settings() {
        settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
    }
}
