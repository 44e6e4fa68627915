import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createClient, JobKind, startLocalServer, type Job, type PrunecastClient } from '../src/client/index.js';
import { formatTable } from '../src/cli/output/table.js';
import { createRng } from '../src/core/random.js';
import { describeCpu } from './describe-cpu.js';
import { drawPairs, nameDimensions } from './draw-pairs.js';

/*
 * npm run bench:predict -- --model DIR --json FILE: how long Predict takes over the wire (TCP on this machine) while
 * the server evaluates a model with one thread, which does not spin. Each backend is fitted on the same pairs; calls
 * follow one another with a pause, like those of a caller that thinks about each answer. The caller is warm, and its
 * garbage collector has a small young generation and no threads of its own (flags of node in package.json): otherwise
 * both would be timed as the server's.
 */

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'models/stories260k' },
    json: { type: 'string' },
    pairs: { type: 'string', default: '200' },
    dimensions: { type: 'string', default: '50' },
    backends: { type: 'string', default: 'ridge,xgboost,gaussian-process,random-forest,ensemble' },
    candidates: { type: 'string', default: '64' },
    calls: { type: 'string', default: '1000' },
    'warm-up': { type: 'string', default: '1000' },
    'pause-ms': { type: 'string', default: '2' },
  },
});

const backends = flags.backends.split(',');

const dimensions = nameDimensions(Number(flags.dimensions));
const candidates = Number(flags.candidates);
const calls = Number(flags.calls);
const warmUp = Number(flags['warm-up']);
const model = resolve(flags.model);
const folder = await mkdtemp(join(tmpdir(), 'prunecast-bench-'));
try {
  const server = await startLocalServer({
    environment: {
      PRUNECAST_LISTEN: '127.0.0.1:0',
      PRUNECAST_STATE_DIRECTORY: join(folder, 'state'),
      PRUNECAST_MODEL_ROOTS: dirname(model),
      PRUNECAST_OUTPUT_ROOT: folder,
      PRUNECAST_THREADS: '1',
    },
  });
  const client = createClient({ address: server.address });
  try {
    await measure(client);
  } finally {
    client.close();
    await server.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** The times of the calls of one backend, in milliseconds. */
interface Latencies {
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
}

async function measure(client: PrunecastClient): Promise<void> {
  const fitted: { readonly backend: string; readonly id: string }[] = [];
  for (const backend of backends) {
    const { id } = await client.runFitPredictor({
      source: { $case: 'pairs', value: drawPairs({ count: Number(flags.pairs), dimensions }) },
      predictor: { id: backend },
    });
    fitted.push({ backend, id });
  }
  const idle: Record<string, Latencies> = {};
  for (const { backend, id } of fitted) idle[backend] = await time(client, id);
  const evaluation = await startEvaluation(client);
  const busy: Record<string, Latencies> = {};
  for (const { backend, id } of fitted) busy[backend] = await time(client, id);
  await evaluation.stop();
  console.log(
    formatTable(
      [`${candidates} candidates`, 'p50', 'p99', 'max', 'p99 of an idle server'],
      backends.map((backend) => [
        backend,
        ...[busy[backend]?.p50_ms, busy[backend]?.p99_ms, busy[backend]?.max_ms, idle[backend]?.p99_ms].map(
          (ms) => `${(ms ?? NaN).toFixed(2)} ms`,
        ),
      ]),
    ).join('\n'),
  );
  const summary = {
    model: basename(model),
    cpu: describeCpu(1),
    settings: {
      pairs: Number(flags.pairs),
      dimensions: dimensions.length,
      candidates,
      calls,
      warm_up: warmUp,
      pause_ms: Number(flags['pause-ms']),
    },
    during_evaluate: busy,
    idle,
  };
  if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(summary, undefined, 2)}\n`);
}

async function time(client: PrunecastClient, predictorId: string): Promise<Latencies> {
  const rng = createRng(2);
  const rates = Buffer.from(
    Float32Array.from({ length: candidates * dimensions.length }, () => rng.uniform() / 2).buffer,
  );
  const ask = () => client.predict({ predictorId, encodings: { rates, dimensions: dimensions.length } });
  for (let call = 0; call < warmUp; call++) await ask();
  const times: number[] = [];
  for (let call = 0; call < calls; call++) {
    await pause(Number(flags['pause-ms']));
    const start = performance.now();
    await ask();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.ceil(share * times.length) - 1)] ?? NaN;
  return { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1) };
}

/** An evaluation of the dense model that runs until it is stopped: it has more windows than it can measure in time. */
async function startEvaluation(client: PrunecastClient): Promise<{ readonly stop: () => Promise<void> }> {
  const rng = createRng(3);
  const ids = Array.from({ length: 128 * 2048 }, () => rng.integer(500));
  const ended = client
    .runEvaluate({
      model: basename(model),
      targets: [{ target: { $case: 'dense', value: {} } }],
      measurement: { text: { source: { $case: 'tokenIds', value: { ids } } } },
    })
    .catch(() => undefined);
  let job = await findEvaluation(client);
  while (job?.progress === undefined) {
    await pause(100);
    job = await findEvaluation(client);
  }
  const { id: jobId } = job;
  return {
    stop: async () => {
      if ((await findEvaluation(client))?.endTime !== undefined)
        throw new Error('the evaluation ended before the calls did: name a larger model');
      await client.services.jobs.cancelJob({ jobId });
      await ended;
    },
  };
}

async function findEvaluation(client: PrunecastClient): Promise<Job | undefined> {
  const { jobs } = await client.services.jobs.listJobs({});
  return jobs.find(({ kind }) => kind === JobKind.EVALUATE);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}
