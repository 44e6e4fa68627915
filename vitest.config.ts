import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: './test/support/build.ts',
    setupFiles: './test/support/own-state.ts',
    // What is built runs as Node runs it: an address in the URL of a module reaches it.
    server: { deps: { external: [/\/dist\/src\//] } },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // ONNX Runtime uses both cores itself; more files at once only make each other slower.
    maxWorkers: 2,
    reporters: ['default', './test/support/summary-reporter.ts'],
  },
});
