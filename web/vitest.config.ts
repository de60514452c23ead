import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["*/tests/**/*.test.ts", "*/tests/**/*.test.tsx"],
    // No test touches what another one sees: one process loads everything once.
    pool: "forks",
    isolate: false,
    fileParallelism: false,
    // How long a test takes tells how busy the machine is, and nothing about the code.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
