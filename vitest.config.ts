import { defineConfig, type TestUserConfig } from 'vitest/config';
import { SlowFirst } from './test/support/slow-first.js';

/** What all files have in common. */
const common = {
  setupFiles: './test/support/own-state.ts',
  // What is built runs as Node runs it: an address in the URL of a module reaches it.
  server: { deps: { external: [/\/dist\/src\//] } },
  testTimeout: 120_000,
  hookTimeout: 240_000,
} satisfies TestUserConfig;

/** Files that only compute. */
const COMPUTING = [
  'test/core/**/*.test.ts',
  'test/flags/**/*.test.ts',
  'test/search/**/*.test.ts',
  'test/words/**/*.test.ts',
  'test/plugins/{criteria,strategies,testing}/**/*.test.ts',
  'test/server/{encoding,errors,estimates,records,requests}/**/*.test.ts',
];

export default defineConfig({
  test: {
    globalSetup: './test/support/build.ts',
    // Many files mostly wait, for a server or a command: on two cores, three of them keep both busy.
    maxWorkers: 3,
    sequence: { sequencer: SlowFirst },
    reporters: ['default', './test/support/summary-reporter.ts'],
    // A process loads what files import once, and runs many of those that only compute. A file that runs servers has a
    // process of its own.
    projects: [
      { test: { ...common, name: 'serving', include: ['test/**/*.test.ts'], exclude: COMPUTING } },
      { test: { ...common, name: 'computing', include: COMPUTING, isolate: false } },
    ],
  },
});
