//! Lets the app be linted and tested where its window was not built: then a page says so.

use std::{env, fs, path::Path};

const BUILT: &str = "../ui/dist";
const PLACEHOLDER: &str = "<!doctype html><title>Adit</title><p>The window was not built. Build it with: npm run ui:build";

fn main() {
    println!("cargo:rerun-if-changed={BUILT}");
    println!("cargo:rerun-if-changed=capabilities");
    if !Path::new(BUILT).join("index.html").exists() {
        use_placeholder();
    }
    tauri_build::build();
}

/// Both Tauri's build script and its macros merge this variable into `tauri.conf.json`.
fn use_placeholder() {
    let folder = Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("window");
    let written = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join("index.html"), PLACEHOLDER));
    if let Err(error) = written {
        println!("cargo:warning={} cannot be written: {error}", folder.display());
    }
    let config = serde_json::json!({ "build": { "frontendDist": folder } });
    println!("cargo:rustc-env=TAURI_CONFIG={config}");
}
