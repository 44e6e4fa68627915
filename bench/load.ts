import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createClient, startLocalServer, type LocalServer, type PrunecastClient } from '../src/client/index.js';
import { createRng } from '../src/core/random.js';
import { PredictRequest } from '../src/gen/prunecast/v1/pruning.js';
import { createRawCaller, type RawCaller } from './call-raw.js';
import { describeCpu, describeLoad } from './describe-cpu.js';
import { drawPairs, nameDimensions } from './draw-pairs.js';
import { residentMib } from './resident-mib.js';

/*
 * npm run bench:load -- --json FILE: how many calls of Predict a second a server answers, of one candidate each and 64
 * at the same time, over TCP on this machine; beside it, in turn, the same with a server of grpc-js that does nothing.
 * The caller is one process with one thread: caller and server share two processors.
 *
 * With --minutes 15, then that long a mixed load at twice of what the server can do: predictions, lists, models, starts
 * of evaluations, watchers that come and go, and wrong requests. Each call has to be answered, or refused with a code
 * that fits, and the resident memory of the server must not grow. Needs Linux.
 */

const { values: flags } = parseArgs({
  options: {
    json: { type: 'string' },
    predictor: { type: 'string', default: 'ridge' },
    'in-flight': { type: 'string', default: '64' },
    /** Of one turn of each of both servers. */
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '3' },
    minutes: { type: 'string', default: '0' },
  },
});

const PREDICT = '/prunecast.v1.PruningService/Predict';
const ECHO = '/echo.Echo/Call';
const MODEL = 'stories260k';
const inFlight = Number(flags['in-flight']);
const dimensions = nameDimensions(50);

/** Codes that are an answer to what was sent. */
const PROPER: ReadonlySet<string> = new Set(['OK', 'RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED', 'CANCELLED']);
/** Codes of a request that is wrong. */
const REFUSED: ReadonlySet<string> = new Set([
  'NOT_FOUND',
  'INVALID_ARGUMENT',
  'RESOURCE_EXHAUSTED',
  'DEADLINE_EXCEEDED',
]);
/** No more calls of this process at the same time: it would measure its own memory. */
const MOST_IN_FLIGHT = 4_096;
const TICK_MS = 10;
const SAMPLE_MS = 5_000;

interface Throughput {
  readonly calls_per_second: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

const folder = await mkdtemp(join(tmpdir(), 'prunecast-load-'));
try {
  const server = await startLocalServer({
    environment: {
      PRUNECAST_LISTEN: '127.0.0.1:0',
      PRUNECAST_STATE_DIRECTORY: join(folder, 'state'),
      PRUNECAST_MODEL_ROOTS: resolve('models'),
      PRUNECAST_OUTPUT_ROOT: join(folder, 'outputs'),
      PRUNECAST_LOG_LEVEL: 'error',
    },
  });
  const client = createClient({ address: server.address });
  try {
    await measure(server, client);
  } finally {
    client.close();
    await server.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measure(server: LocalServer, client: PrunecastClient): Promise<void> {
  const { id } = await client.runFitPredictor({
    source: { $case: 'pairs', value: drawPairs({ count: 200, dimensions }) },
    predictor: { id: flags.predictor },
  });
  const request = encodePredict(id);
  const caller = createRawCaller(server.address);
  const answer = await caller.ask(PREDICT, request);
  const echo = await startEcho(answer.length);
  const echoCaller = createRawCaller(echo.address);
  const turns: { readonly predict: Throughput; readonly echo: Throughput }[] = [];
  try {
    await drive(caller, PREDICT, request, 3);
    await drive(echoCaller, ECHO, request, 2);
    for (let round = 0; round < Number(flags.rounds); round += 1)
      turns.push({
        echo: await drive(echoCaller, ECHO, request, Number(flags.seconds)),
        predict: await drive(caller, PREDICT, request, Number(flags.seconds)),
      });
  } finally {
    echoCaller.close();
    await echo.stop();
  }
  const predict = middle(turns.map((turn) => turn.predict));
  const bare = middle(turns.map((turn) => turn.echo));
  const ratio = Number((predict.calls_per_second / bare.calls_per_second).toFixed(2));
  const show = ({ calls_per_second: rate, p50_ms: p50, p99_ms: p99 }: Throughput) =>
    `${rate} calls/s, ${p50} ms in the middle, ${p99} ms at the 99th percentile`;
  console.log(`Predict of 1 candidate, ${inFlight} in flight: ${show(predict)}`);
  console.log(`a server that does nothing: ${show(bare)}; ratio ${ratio}`);
  const minutes = Number(flags.minutes);
  const soak =
    minutes > 0
      ? await overload({ server, client, caller, request, capacity: predict.calls_per_second, minutes })
      : undefined;
  caller.close();
  const summary = {
    cpu: describeCpu(cpus().length),
    load: describeLoad(),
    settings: {
      predictor: flags.predictor,
      in_flight: inFlight,
      dimensions: dimensions.length,
      seconds: Number(flags.seconds),
      rounds: Number(flags.rounds),
    },
    predict,
    echo: bare,
    ratio,
    ...(soak !== undefined && { overload: soak }),
  };
  if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(summary, undefined, 2)}\n`);
}

function encodePredict(predictorId: string): Buffer {
  const rng = createRng(2);
  const rates = Buffer.from(Float32Array.from(dimensions, () => rng.uniform() / 2).buffer);
  return Buffer.from(
    PredictRequest.encode(
      PredictRequest.fromPartial({ predictorId, encodings: { rates, dimensions: dimensions.length } }),
    ).finish(),
  );
}

async function startEcho(bytes: number): Promise<{ readonly address: string; readonly stop: () => Promise<void> }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'echo-server.js'), String(bytes)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return {
    address: (JSON.parse(line) as { readonly address: string }).address,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** Keeps as many calls in flight as the flags say; all must succeed. */
async function drive(caller: RawCaller, path: string, request: Buffer, seconds: number): Promise<Throughput> {
  const times: number[] = [];
  const begin = performance.now();
  const end = begin + seconds * 1000;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (let start = performance.now(); start < end; start = performance.now()) {
        const code = await caller.call(path, request);
        if (code !== 'OK') throw new Error(`a call of ${path} ended with ${code}`);
        times.push(performance.now() - start);
      }
    }),
  );
  const rate = times.length / ((performance.now() - begin) / 1000);
  times.sort((a, b) => a - b);
  const at = (share: number) => Number((times[Math.ceil(share * times.length) - 1] ?? NaN).toFixed(2));
  return { calls_per_second: Math.round(rate), p50_ms: at(0.5), p99_ms: at(0.99) };
}

/** The turn whose rate is in the middle. */
function middle(turns: readonly Throughput[]): Throughput {
  const sorted = turns.toSorted((a, b) => a.calls_per_second - b.calls_per_second);
  const turn = sorted[Math.floor(sorted.length / 2)];
  if (turn === undefined) throw new Error('--rounds must be at least 1');
  return turn;
}

interface Overload {
  readonly server: LocalServer;
  readonly client: PrunecastClient;
  readonly caller: RawCaller;
  readonly request: Buffer;
  /** Calls a second that the server can answer. */
  readonly capacity: number;
  readonly minutes: number;
}

async function overload({ server, client, caller, request, capacity, minutes }: Overload) {
  const codes = new Map<string, Map<string, number>>();
  const count = (kind: string, code: string) => {
    const own = codes.get(kind) ?? new Map<string, number>();
    codes.set(kind, own.set(code, (own.get(code) ?? 0) + 1));
  };
  const evaluationMs = await timeEvaluation(client);
  const begin = performance.now();
  const endMs = minutes * 60_000;
  const elapsed = () => performance.now() - begin;
  const memory: { readonly atMs: number; readonly mib: number }[] = [];
  const running = new Set<Promise<void>>();
  let heldBack = 0;
  const settle = async (kind: string, work: () => Promise<string>): Promise<void> => {
    try {
      count(kind, await work());
    } catch (error) {
      count(kind, codeOf(error));
    }
  };
  const start = (kind: string, work: () => Promise<string>): void => {
    if (running.size >= MOST_IN_FLIGHT) {
      heldBack += 1;
      return;
    }
    const done = settle(kind, work);
    running.add(done);
    void done.finally(() => running.delete(done));
  };
  const empty = Buffer.alloc(0);
  let seed = 0;
  // Rates per second; all together they are twice of what the server can do.
  const kinds: readonly { readonly rate: number; readonly send: () => void }[] = [
    { rate: 2 * capacity, send: () => start('predict', () => caller.call(PREDICT, request, { timeoutMs: 10_000 })) },
    { rate: 2000 / evaluationMs, send: () => start('evaluate', () => evaluate(client, ++seed)) },
    {
      rate: 20,
      send: () =>
        start('list_jobs', () => caller.call('/prunecast.v1.JobService/ListJobs', empty, { timeoutMs: 10_000 })),
    },
    {
      rate: 20,
      send: () =>
        start('server_info', () =>
          caller.call('/prunecast.v1.CatalogService/GetServerInfo', empty, { timeoutMs: 10_000 }),
        ),
    },
    {
      rate: 5,
      send: () =>
        start('list_models', () => caller.call('/prunecast.v1.ModelService/ListModels', empty, { timeoutMs: 10_000 })),
    },
    { rate: 5, send: () => start('watch_left', () => watchAndLeave(client)) },
    { rate: 20, send: () => start('wrong', () => caller.call(PREDICT, empty, { timeoutMs: 10_000 })) },
  ];
  const sent = kinds.map(() => 0);
  let sampledMs = -SAMPLE_MS;
  while (elapsed() < endMs) {
    for (const [index, { rate, send }] of kinds.entries()) {
      const due = Math.floor((elapsed() / 1000) * rate);
      for (let n = sent[index] ?? 0; n < due; n += 1) send();
      sent[index] = due;
    }
    if (elapsed() - sampledMs >= SAMPLE_MS) {
      sampledMs = elapsed();
      memory.push({ atMs: sampledMs, mib: await residentMib(server.processId) });
    }
    await pause(TICK_MS);
  }
  const drainingFrom = performance.now();
  await Promise.all(running);
  const improper = [...codes].flatMap(([kind, own]) =>
    [...own]
      .filter(([code]) => !(kind === 'wrong' ? REFUSED : PROPER).has(code))
      .map(([code, n]) => `${kind}: ${n} x ${code}`),
  );
  const mean = (from: number, to: number) => {
    const own = memory.filter(({ atMs }) => atMs >= from * endMs && atMs < to * endMs).map(({ mib }) => mib);
    return own.reduce((sum, mib) => sum + mib, 0) / own.length;
  };
  const [early, late] = [mean(0.2, 0.4), mean(0.8, 1)];
  const growth = late / early - 1;
  console.log(
    `${minutes} minutes at twice the capacity: ${improper.length === 0 ? 'every call answered or refused' : improper.join(', ')}`,
  );
  console.log(
    `resident memory: ${early.toFixed(0)} MiB after warm-up, ${late.toFixed(0)} MiB at the end (${(100 * growth).toFixed(1)} %)`,
  );
  return {
    minutes,
    codes: Object.fromEntries([...codes].map(([kind, own]) => [kind, Object.fromEntries(own)])),
    improper,
    /** Calls that this process did not send, since as many as it can hold were open. */
    held_back: heldBack,
    drained_after_ms: Math.round(performance.now() - drainingFrom),
    resident_mib: {
      after_warm_up: Math.round(early),
      at_the_end: Math.round(late),
      most: Math.round(Math.max(...memory.map(({ mib }) => mib))),
    },
    growth: Number(growth.toFixed(3)),
  };
}

/** An evaluation that nothing is known of yet. */
async function evaluate(client: PrunecastClient, seed: number): Promise<string> {
  const rng = createRng(seed);
  const ids = Array.from({ length: 4 * 128 }, () => 3 + rng.integer(500));
  await client.runEvaluate(
    { model: MODEL, measurement: { text: { source: { $case: 'tokenIds', value: { ids } } } } },
    { signal: AbortSignal.timeout(120_000) },
  );
  return 'OK';
}

async function timeEvaluation(client: PrunecastClient): Promise<number> {
  await evaluate(client, 1_000_000);
  const begin = performance.now();
  for (let run = 1; run <= 5; run += 1) await evaluate(client, 1_000_000 + run);
  return (performance.now() - begin) / 5;
}

/** Follows the newest job, and leaves after a moment. */
async function watchAndLeave(client: PrunecastClient): Promise<string> {
  const { jobs } = await client.services.jobs.listJobs({ pageSize: 1 });
  const [job] = jobs;
  if (job === undefined) return 'OK';
  const signal = AbortSignal.timeout(500);
  try {
    for await (const event of client.services.jobs.watchJob({ jobId: job.id }, { signal }))
      if (event === undefined) break;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return 'OK';
}

function codeOf(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'CANCELLED';
  return error instanceof Error && 'code' in error ? String(error.code) : `UNKNOWN: ${String(error)}`;
}
