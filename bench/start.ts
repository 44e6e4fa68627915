import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { awaitServing } from './await-serving.js';
import { describeCpu, describeLoad } from './describe-cpu.js';
import { residentMib } from './resident-mib.js';

/*
 * npm run bench:start [-- --against DIR]: how long a server takes until its health is SERVING with the demo model under
 * its roots, from the start of its process on, and its memory then and after one Evaluate of that model. With --against, another built checkout is measured in turn with this one, so that both
 * see the same machine. `node -e 0` is measured too: what Node itself takes. Needs Linux.
 */

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    /** The root of another checkout that has been built. */
    against: { type: 'string' },
    json: { type: 'string' },
  },
});

const ROOT = resolve(import.meta.dirname, '../..');

interface Sample {
  readonly startMs: number;
  readonly startMib: number;
  readonly evaluatedMib: number;
}

const builds = [
  { name: 'this build', root: ROOT },
  ...(flags.against === undefined ? [] : [{ name: 'the other build', root: resolve(flags.against) }]),
];
const samples = new Map<string, Sample[]>(builds.map(({ name }) => [name, []]));
const bare: number[] = [];
for (let run = 0; run < Number(flags.runs); run += 1) {
  const started = performance.now();
  await promisify(execFile)(process.execPath, ['-e', '0']);
  bare.push(performance.now() - started);
  for (const { name, root } of builds) samples.get(name)?.push(await measure(root));
}

console.log(`node -e 0: ${median(bare).toFixed(0)} ms (median of ${flags.runs})`);
for (const [name, runs] of samples) {
  const of = (value: (sample: Sample) => number): string => median(runs.map(value)).toFixed(0);
  console.log(
    `${name}: SERVING after ${of(({ startMs }) => startMs)} ms (${(median(runs.map(({ startMs }) => startMs)) / median(bare)).toFixed(1)} x node -e 0), ` +
      `${of(({ startMib }) => startMib)} MiB then, ${of(({ evaluatedMib }) => evaluatedMib)} MiB after an Evaluate`,
  );
}

if (flags.json !== undefined) {
  const own = samples.get('this build') ?? [];
  const startMs = median(own.map(({ startMs: ms }) => ms));
  const summary = {
    cpu: describeCpu(2),
    load: describeLoad(),
    runs: Number(flags.runs),
    serving_ms: Math.round(startMs),
    node_ms: Math.round(median(bare)),
    ratio: Number((startMs / median(bare)).toFixed(1)),
    resident_mib: Math.round(median(own.map(({ startMib }) => startMib))),
    resident_after_evaluate_mib: Math.round(median(own.map(({ evaluatedMib }) => evaluatedMib))),
  };
  await writeFile(flags.json, `${JSON.stringify(summary, undefined, 2)}\n`);
}

/** Starts the server of a checkout with that checkout's own client, and evaluates the demo model once. */
async function measure(root: string): Promise<Sample> {
  const client = (await import(
    pathToFileURL(join(root, 'dist/src/client/index.js')).href
  )) as typeof import('../src/client/index.js');
  const folder = await mkdtemp(join(tmpdir(), 'prunecast-start-'));
  const started = performance.now();
  const server = await client.startLocalServer({
    environment: {
      PRUNECAST_LISTEN: `unix:${join(folder, 'server.sock')}`,
      PRUNECAST_STATE_DIRECTORY: join(folder, 'state'),
      PRUNECAST_MODEL_ROOTS: join(ROOT, 'models'),
      PRUNECAST_OUTPUT_ROOT: join(folder, 'outputs'),
    },
  });
  await awaitServing(server.address);
  const startMs = performance.now() - started;
  const connection = client.createClient({ address: server.address });
  try {
    const startMib = await residentMib(server.processId);
    const ids = Array.from({ length: 16 * 128 }, (_, index) => 3 + ((index * 7919) % 500));
    await connection.runEvaluate({
      model: 'stories260k',
      measurement: { text: { source: { $case: 'tokenIds', value: { ids } } } },
    });
    return { startMs, startMib, evaluatedMib: await residentMib(server.processId) };
  } finally {
    connection.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (
    ((sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN) + (sorted[Math.ceil((sorted.length - 1) / 2)] ?? NaN)) / 2
  );
}
