import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createProgressDisplay } from '../src/cli/output/progress.js';
import { createProgressReporter } from '../src/server/jobs/progress-reporter.js';
import { fuzzServer } from './fuzz/fuzz-server.js';

/*
 * npm run fuzz -- --requests 20000 --checkpoints 2000 --seed 1: mutated requests of every method and damaged checkpoints,
 * against a server in a process of its own. No crash, no INTERNAL or UNKNOWN, no answer that is not finite, no reply later
 * than its deadline by two seconds, no pause of the event loop of 250 ms, memory within its bound: else exit code 1, with
 * each fault and what leads to it (`--only request/17` does that one again, with the same seed).
 */

const { values: flags } = parseArgs({
  options: {
    requests: { type: 'string', default: '20000' },
    checkpoints: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});

const folder = await mkdtemp(join(tmpdir(), 'prunecast-fuzz-'));
const display = createProgressDisplay(process.stderr);
const progress = createProgressReporter({ now: () => Date.now() }, (update) =>
  display.update({ ...update, done: BigInt(update.done), total: BigInt(update.total) }),
);
try {
  const report = await fuzzServer({
    folder,
    demo: resolve('models/stories260k'),
    requests: Number(flags.requests),
    checkpoints: Number(flags.checkpoints),
    seed: Number(flags.seed),
    only: flags.only,
    onProgress: (activity, done, total) => progress.report({ activity, done, total, unit: '' }),
  });
  display.end();
  console.log(report.text);
  if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(report.json, undefined, 2)}\n`);
  process.exitCode = report.faults === 0 ? 0 : 1;
} finally {
  if (flags.keep) console.error(`kept: ${folder}`);
  else await rm(folder, { recursive: true, force: true });
}
