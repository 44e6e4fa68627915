import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Architecture, ModelShape } from '../src/core/model/shape.js';
import { identityRanking } from '../src/core/model/units.js';
import { scoreFrom, type Sequence } from '../src/core/sequence.js';
import { createRng } from '../src/core/random.js';
import { openCheckpoint } from '../src/engine/checkpoint/open-checkpoint.js';
import { detectThreads } from '../src/engine/runtime/resource-limits.js';
import type { LanguageModel } from '../src/engine/language-model.js';
import { prepareBareLanes } from './bare-lanes.js';
import { prepareBareMatmuls } from './bare-matmuls.js';
import { describeCpu } from './describe-cpu.js';
import { measureEventLoop } from './event-loop.js';
import { compareInt8 } from './int8.js';
import { startTorch, type Torch } from './torch/start-torch.js';
import { watchLoop, type LoopDelay } from './watch-loop.js';
import { openLanguageModel } from '../src/engine/open-language-model.js';

/*
 * npm run bench -- --model DIR --json FILE: how fast Evaluate is, against the bare products of the same sizes (each on
 * all threads, or as many side by side as there are threads, whichever is faster), and against transformers if there is
 * a Python that has it (PRUNECAST_PYTHON, or python3), in the same run. All take turns, and the fastest turn of each
 * counts: disturbances can only slow a turn down.
 */

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'models/stories260k' },
    json: { type: 'string' },
    window: { type: 'string', default: '512' },
    windows: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    // Random architectures that float32 and int8 rank on the text: minutes for 60 of SmolLM2, so none unless asked for.
    rank: { type: 'string', default: '0' },
    text: { type: 'string' },
  },
});

const threads = detectThreads();
const model = await openLanguageModel(await openCheckpoint(resolve(flags.model)), { threads });
const windows = createWindows(model.shape, Number(flags.windows), Number(flags.window));
const tokens = windows.length * Number(flags.window);
const rounds = Number(flags.rounds);
const loops: LoopDelay[] = [];

const pruned25 = { time_ratio: await comparePruned() };
const shared = { time_ratio: await compareShared() };
const peakRssBytes = process.resourceUsage().maxRSS * 1024; // before the bare products take memory of their own
const { dense, ...torch } = await compareWithOthers();
const ranking =
  flags.text === undefined || flags.rank === '0'
    ? {}
    : { ranking: { text: resolve(flags.text), architectures: Number(flags.rank) } };
const int8 = await compareInt8(model, { windows, rounds, ...ranking });
await model.close();
const loopDelays = await measureEventLoop(resolve(flags.model), model.shape.vocabulary);
const report = {
  model: flags.model,
  windows: { count: windows.length, tokens: Number(flags.window) },
  cpu: describeCpu(threads),
  load_average: loadavg()[1], // of the last five minutes: if above the threads, other work was running
  dense,
  pruned25,
  shared_prefix: shared,
  int8,
  event_loop: describeLoops([...loops, ...Object.values(loopDelays)], loopDelays),
  memory: { peak_rss_bytes: peakRssBytes },
  ...torch,
};
if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(report, null, 2)}\n`);
printReport();

/** The dense model, the bare products and transformers, turn by turn. */
async function compareWithOthers() {
  const matmuls = await prepareBareMatmuls(model.shape, threads);
  // The products get what is faster for them, also where Evaluate runs in lanes.
  const inLanes = threads > 1 ? await prepareBareLanes(model.shape, threads) : undefined;
  const work = { directory: resolve(flags.model), threads, windows };
  const torches = {
    float32: await startTorch({ ...work, dtype: 'float32' }),
    bfloat16: await startTorch({ ...work, dtype: 'bfloat16' }),
  };
  const times = {
    own: [] as number[],
    bare: [] as number[],
    bareLanes: [] as number[],
    float32: [] as number[],
    bfloat16: [] as number[],
  };
  for (let round = 0; round < rounds; round++) {
    times.bare.push(await matmuls.measure(tokens));
    if (inLanes !== undefined) times.bareLanes.push(await inLanes.measure(tokens));
    // The products above run on this thread and block it; Evaluate must not.
    const { result, loop } = await watchLoop(() => evaluate(model, [model.shape.layers]));
    times.own.push(result);
    loops.push(loop);
    for (const dtype of ['float32', 'bfloat16'] as const) times[dtype].push(...(await takeTurn(torches[dtype])));
  }
  await matmuls.close();
  await inLanes?.close();
  Object.values(torches).forEach((torch) => torch?.stop());
  const milliseconds = Math.min(...times.own);
  const [divided, apart] = [Math.min(...times.bare), Math.min(...times.bareLanes)];
  const matmul = Math.min(divided, apart);
  const compare = (other: readonly number[]) =>
    other.length === 0
      ? { speedup: null, milliseconds: null }
      : { speedup: Math.min(...other) / milliseconds, milliseconds: Math.min(...other) };
  return {
    dense: {
      tokens_per_second: (1000 * tokens) / milliseconds,
      matmul_ratio: matmul / milliseconds,
      milliseconds,
      matmul_milliseconds: matmul,
      matmul_threads: apart < divided ? ('side by side' as const) : ('all on each' as const),
      divided_matmul_ratio: divided / milliseconds,
    },
    torch_float32: compare(times.float32),
    torch_bfloat16: compare(times.bfloat16),
  };
}

async function takeTurn(torch: Torch | undefined): Promise<number[]> {
  return torch === undefined ? [] : [await torch.measure()];
}

function describeLoops(all: readonly LoopDelay[], byJob: Readonly<Record<string, LoopDelay>>) {
  return {
    max_delay_ms: Math.max(...all.map(({ delay }) => delay)),
    max_own_ms: Math.max(...all.map(({ own }) => own)),
    by_job: byJob,
  };
}

/** A candidate with 25 % fewer FLOPs in total, head included, against the dense model. */
async function comparePruned(): Promise<number> {
  await evaluate(model, [model.shape.layers]); // reads the weights
  const candidate = removeFlops(model.shape, 0.25);
  const [own, less] = [[] as number[], [] as number[]];
  for (let round = 0; round < rounds; round++) {
    own.push(await evaluate(model, [model.shape.layers]));
    less.push(await evaluate(model, [candidate]));
  }
  return Math.min(...less) / Math.min(...own);
}

/**
 * 32 candidates that differ in one layer of the last third, together, against one by one (four of them, times eight).
 */
async function compareShared(): Promise<number> {
  const candidates = mutateLastThird(model.shape, 32);
  const together = await evaluate(model, candidates);
  let apart = 0;
  for (const candidate of candidates.slice(0, 4)) apart += await evaluate(model, [candidate]);
  return together / (8 * apart);
}

/** Milliseconds from the request to the last answer. */
async function evaluate(of: LanguageModel, architectures: readonly Architecture[]): Promise<number> {
  const subject = of.subject(recipe());
  const started = performance.now();
  const control = { signal: new AbortController().signal };
  for await (const { losses } of subject.observe(architectures, { sequences: windows }, control)) {
    if (losses.some((loss) => Number.isNaN(loss))) throw new Error('a loss is not a number');
  }
  return performance.now() - started;
}

function recipe() {
  return { ranking: identityRanking(model.shape.layers) };
}

/** Pseudo-random token ids: speed does not depend on them. */
function createWindows({ vocabulary }: ModelShape, count: number, length: number): Sequence[] {
  const rng = createRng(1);
  return Array.from({ length: count }, () => scoreFrom(Int32Array.from({ length }, () => rng.integer(vocabulary))));
}

/**
 * Keeps that share of the key-value groups of every layer, rounded up, and reduces channels until the total, with the
 * head, has shrunk by `share`.
 */
function removeFlops({ hidden, headDim, vocabulary, layers }: ModelShape, share: number): Architecture {
  const attention = layers.reduce(
    (sum, { kvHeads, queryHeadsPerKv }) => sum + 2 * kvHeads * (queryHeadsPerKv + 1) * headDim * hidden,
    0,
  );
  const ffn = layers.reduce((sum, { ffnChannels }) => sum + 3 * ffnChannels * hidden, 0);
  const groups = layers.map(({ kvHeads }) => Math.max(1, Math.floor(kvHeads * (1 - share))));
  const saved = layers.reduce(
    (sum, { kvHeads, queryHeadsPerKv }, layer) =>
      sum + 2 * (kvHeads - (groups[layer] ?? kvHeads)) * (queryHeadsPerKv + 1) * headDim * hidden,
    0,
  );
  const kept = 1 - (share * (attention + ffn + vocabulary * hidden) - saved) / ffn;
  return layers.map((layer, index) => ({
    ...layer,
    kvHeads: groups[index] ?? layer.kvHeads,
    ffnChannels: Math.max(1, Math.round(layer.ffnChannels * kept)),
  }));
}

function mutateLastThird({ layers }: ModelShape, count: number): Architecture[] {
  const rng = createRng(2);
  const first = Math.floor((2 * layers.length) / 3);
  return Array.from({ length: count }, () => {
    const mutated = first + rng.integer(layers.length - first);
    return layers.map((layer, index) =>
      index === mutated ? { ...layer, ffnChannels: 1 + rng.integer(layer.ffnChannels) } : layer,
    );
  });
}

function printReport(): void {
  const rows = [
    ['dense, tokens a second', report.dense.tokens_per_second.toFixed(0)],
    ['bare matmuls / Evaluate', report.dense.matmul_ratio.toFixed(3)],
    ['  threads of the bare matmuls', report.dense.matmul_threads],
    ['  each divided among all threads', report.dense.divided_matmul_ratio.toFixed(3)],
    ['25 % fewer FLOPs, time', report.pruned25.time_ratio.toFixed(3)],
    ['32 with shared prefixes, time', report.shared_prefix.time_ratio.toFixed(3)],
    ['times transformers float32', report.torch_float32.speedup?.toFixed(2) ?? 'not run'],
    ['times transformers bfloat16', report.torch_bfloat16.speedup?.toFixed(2) ?? 'not run'],
    ['int8 against float32, speed', report.int8.speedup?.toFixed(2) ?? 'not offered'],
    ['int8 against float32, Kendall tau', report.int8.kendall_tau?.toFixed(3) ?? 'not run'],
    ['event loop, longest delay', `${report.event_loop.max_delay_ms.toFixed(1)} ms`],
    ['  less waiting for a processor', `${report.event_loop.max_own_ms.toFixed(1)} ms`],
    ['peak resident memory', `${(report.memory.peak_rss_bytes / 2 ** 20).toFixed(0)} MiB`],
  ];
  console.log(
    `${report.model}: ${report.windows.count} windows of ${report.windows.tokens} tokens, ${threads} threads, ${report.cpu.model}`,
  );
  for (const [name = '', value = ''] of rows) console.log(`  ${name.padEnd(32)}${value.padStart(12)}`);
}
