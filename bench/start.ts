import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';

/*
 * npm run bench:start [-- --against DIR]: how long a server takes until it listens, and its memory then and after one
 * Evaluate of the demo model. With --against, another built checkout is measured in turn with this one, so that both
 * see the same machine. `node -e 0` is measured too: what Node itself takes. Needs Linux.
 */

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    /** The root of another checkout that has been built. */
    against: { type: 'string' },
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
    `${name}: listens after ${of(({ startMs }) => startMs)} ms (${(median(runs.map(({ startMs }) => startMs)) / median(bare)).toFixed(1)} x node -e 0), ` +
      `${of(({ startMib }) => startMib)} MiB then, ${of(({ evaluatedMib }) => evaluatedMib)} MiB after an Evaluate`,
  );
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

async function residentMib(processId: number): Promise<number> {
  const status = await readFile(`/proc/${processId}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? NaN) / 1024;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (
    ((sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN) + (sorted[Math.ceil((sorted.length - 1) / 2)] ?? NaN)) / 2
  );
}
