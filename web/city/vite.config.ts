import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2023",
    // One program, by its own hash: nothing is loaded that the manifest does not name.
    modulePreload: false,
    assetsInlineLimit: 0,
    sourcemap: false,
    rolldownOptions: { output: { codeSplitting: false } },
  },
});
