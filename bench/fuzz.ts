import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createProgressDisplay } from '../src/cli/output/progress.js';
import { createProgressReporter } from '../src/server/jobs/progress-reporter.js';
import { encodeProgress } from '../src/server/records/encode-progress.js';
import { addResults, type FuzzResult } from './fuzz/fuzz-result.js';
import { fuzzServer } from './fuzz/fuzz-server.js';

/*
 * npm run fuzz -- --requests 20000 --checkpoints 2000 --seed 1: mutated requests of every method and damaged
 * checkpoints, against a server in a process of its own. It must not crash, answer INTERNAL or UNKNOWN, send a number
 * that is not finite, reply two seconds after a deadline, hold its event loop for 250 ms, or exceed its memory.
 * Otherwise the exit code is 1, and each fault is listed with its cause (`--only request/17` repeats that one with the
 * same seed). With `--continue`, a run goes on after those in the file of `--json`, and adds to it.
 */

const { values: flags } = parseArgs({
  options: {
    requests: { type: 'string', default: '20000' },
    checkpoints: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    continue: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});

const earlier =
  flags.continue && flags.json !== undefined
    ? await readFile(flags.json, 'utf8').then(
        (text) => JSON.parse(text) as FuzzResult,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT') return undefined;
          throw error;
        },
      )
    : undefined;
const folder = await mkdtemp(join(tmpdir(), 'prunecast-fuzz-'));
const display = createProgressDisplay(process.stderr);
const progress = createProgressReporter({ now: () => Date.now() }, (update) =>
  display.update(encodeProgress({ ...update, place: undefined })),
);
try {
  const report = await fuzzServer({
    folder,
    demo: resolve('models/stories260k'),
    requests: Number(flags.requests),
    checkpoints: Number(flags.checkpoints),
    seed: earlier?.seed ?? Number(flags.seed),
    ...(earlier === undefined ? {} : { after: earlier }),
    only: flags.only,
    onProgress: (activity, done, total) => progress.report({ activity, done, total, unit: '' }),
  });
  progress.end();
  display.end();
  console.log(report.text);
  if (flags.json !== undefined) {
    const result = earlier === undefined ? report.result : addResults(earlier, report.result);
    await writeFile(flags.json, `${JSON.stringify(result, undefined, 2)}\n`);
  }
  process.exitCode = report.faults === 0 ? 0 : 1;
} finally {
  if (flags.keep) console.error(`kept: ${folder}`);
  else await rm(folder, { recursive: true, force: true });
}
