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

/** Files that replace modules, or count what their own process holds: memory, files, processes, processor time. */
const APART = [
  'test/engine/checkpoint/safetensors-header.test.ts',
  'test/engine/compensation/measure-factorisation.test.ts',
  'test/engine/files/checkpoint-files.test.ts',
  'test/engine/runtime/memory.test.ts',
  'test/server/rpc/vanished-callers.test.ts',
  'test/server/verbs/bad-input.test.ts',
  'test/server/verbs/durability.test.ts',
  'test/server/verbs/left-calls.test.ts',
  'test/server/verbs/many-models.test.ts',
  'test/server/verbs/planned-memory.test.ts',
];

export default defineConfig({
  test: {
    globalSetup: './test/support/build.ts',
    // Many files mostly wait, for a server or a command: on two cores, three of them keep both busy.
    maxWorkers: 3,
    sequence: { sequencer: SlowFirst },
    reporters: ['default', './test/support/summary-reporter.ts'],
    // A process loads what files import once, and runs many of them: loading the server takes longer than most files. Those
    // that only compute have processes without threads of servers before them.
    projects: [
      { test: { ...common, name: 'apart', include: APART } },
      {
        test: {
          ...common,
          name: 'serving',
          include: ['test/**/*.test.ts'],
          exclude: [...APART, ...COMPUTING],
          isolate: false,
        },
      },
      { test: { ...common, name: 'computing', include: COMPUTING, isolate: false } },
    ],
  },
});
