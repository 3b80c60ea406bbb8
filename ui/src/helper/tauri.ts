// The helper by way of the app's Rust side.

import type { Helper } from "./helper";

/** Whether this page runs in the app and not in a browser. */
export function isInApp(): boolean {
  return "__TAURI_INTERNALS__" in window;
}

export function tauriHelper(): Helper {
  throw new Error("This build has no commands of the app yet.");
}
