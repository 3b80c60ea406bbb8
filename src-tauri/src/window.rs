//! The one window. Closing it frees the web view.

use tauri::{AppHandle, Manager, WebviewUrl, WebviewWindowBuilder};

const LABEL: &str = "main";

/// Shows the window, and makes it if there is none.
pub(crate) fn open(app: &AppHandle) -> tauri::Result<()> {
    if let Some(window) = app.get_webview_window(LABEL) {
        window.unminimize()?;
        window.show()?;
        return window.set_focus();
    }
    WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title("Adit")
        // Files that are dropped come to the page as content; the handler would give it paths.
        .disable_drag_drop_handler()
        .inner_size(940.0, 640.0)
        .min_inner_size(400.0, 480.0)
        .build()?;
    Ok(())
}
