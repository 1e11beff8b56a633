/** Runs the tests of src/, which need nothing, and those of e2e/, which need a running server. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "units", include: ["src/**/*.test.ts"] } },
      { test: { name: "e2e", include: ["e2e/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 } },
    ],
  },
});
