/** What others made and the app consists of, by name. */
export const PARTS: readonly { name: string; licence: string; by: string }[] = [
  { name: "bits-ui", licence: "MIT", by: "Hunter Johnston" },
  { name: "CodeMirror", licence: "MIT", by: "Marijn Haverbeke and others" },
  { name: "fflate", licence: "MIT", by: "Arjun Barrett" },
  { name: "qr", licence: "MIT or Apache 2.0", by: "Paul Miller" },
  { name: "secret-service", licence: "MIT or Apache 2.0", by: "Walther Chen and others" },
  { name: "serde", licence: "MIT or Apache 2.0", by: "Erick Tryzelaar and David Tolnay" },
  { name: "Svelte", licence: "MIT", by: "the Svelte contributors" },
  { name: "Tauri", licence: "MIT or Apache 2.0", by: "the Tauri programme within the Commons Conservancy" },
  { name: "tokio", licence: "MIT", by: "the Tokio contributors" },
  { name: "uPlot", licence: "MIT", by: "Leon Sorokin" },
  { name: "WebKitGTK", licence: "LGPL 2.1 and BSD", by: "Apple, Igalia and others" },
  { name: "zbus", licence: "MIT", by: "Zeeshan Ali Khan and others" },
];
