import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2023",
    // One entry and one worker, each by its own hash: nothing is loaded that the manifest doesn't name.
    modulePreload: false,
    assetsInlineLimit: 0,
    sourcemap: false,
    rolldownOptions: { output: { codeSplitting: false } },
  },
  worker: { format: "es" },
});
