//! The least that a Tauri app can be: a window with a word in it. `adit-measure-app` holds the time that Adit's takes against it.

fn main() {
    let opened = tauri::Builder::default()
        .setup(|app| {
            tauri::WebviewWindowBuilder::new(app, "main", tauri::WebviewUrl::default())
                .inner_size(940.0, 640.0)
                .build()?;
            Ok(())
        })
        .run(tauri::generate_context!("examples/empty-window/tauri.conf.json"));
    if let Err(error) = opened {
        eprintln!("The empty window cannot be opened: {error}");
    }
}
