import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte()],
  clearScreen: false,
  // The schema of a provider lies beside its code.
  server: { port: 1420, strictPort: true, fs: { allow: [".."] } },
  // Assets stay files: the content security policy of the app allows no data: URLs.
  build: {
    chunkSizeWarningLimit: 700,
    target: "safari18",
    outDir: "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // What the window opens with is one file: each further one is a way between two processes.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "window", tags: ["$initial"] }] } } },
  },
  test: { include: ["src/**/*.test.ts"] },
});
