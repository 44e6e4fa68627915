import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import type { Architecture, ModelShape } from '../src/core/model/shape.js';
import { identityRanking } from '../src/core/model/units.js';
import type { Window } from '../src/core/ports/evaluator.js';
import { createRng } from '../src/core/random.js';
import { openCheckpoint } from '../src/engine/checkpoint/open-checkpoint.js';
import { detectThreads } from '../src/engine/forward/resource-limits.js';
import { openLanguageModel, type LanguageModel } from '../src/engine/language-model.js';
import { prepareBareMatmuls } from './bare-matmuls.js';
import { describeCpu } from './describe-cpu.js';

/*
 * npm run bench -- --model DIR --json FILE: how fast Evaluate is, against the bare products of the same sizes in the
 * same run. Both take turns, and of each the fastest turn counts: what disturbs a run only ever slows it.
 */

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'models/stories260k' },
    json: { type: 'string' },
    window: { type: 'string', default: '512' },
    windows: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
  },
});

const threads = detectThreads();
const model = await openLanguageModel(await openCheckpoint(resolve(flags.model)), { threads });
const windows = createWindows(model.shape, Number(flags.windows), Number(flags.window));
const tokens = windows.length * Number(flags.window);
const rounds = Number(flags.rounds);
let longestDelayMs = 0;

const pruned25 = { time_ratio: await comparePruned() };
const shared = { time_ratio: await compareShared() };
const peakRssBytes = process.resourceUsage().maxRSS * 1024; // before the bare products take memory of their own
const dense = await compareWithMatmuls();
const report = {
  model: flags.model,
  windows: { count: windows.length, tokens: Number(flags.window) },
  cpu: describeCpu(threads),
  dense,
  pruned25,
  shared_prefix: shared,
  int8: { speedup: null, kendall_tau: null },
  event_loop: { max_delay_ms: longestDelayMs },
  memory: { peak_rss_bytes: peakRssBytes },
  torch_float32: { speedup: null },
  torch_bfloat16: { speedup: null },
};
await model.close();
if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(report, null, 2)}\n`);
printReport();

/** The dense model and the bare products, turn by turn. */
async function compareWithMatmuls(): Promise<{ tokens_per_second: number; matmul_ratio: number; milliseconds: number; matmul_milliseconds: number }> {
  const matmuls = await prepareBareMatmuls(model.shape, threads);
  const [own, bare] = [[] as number[], [] as number[]];
  for (let round = 0; round < rounds; round++) {
    bare.push(await matmuls.measure(tokens));
    // The products above run on this thread and block it; Evaluate must not.
    own.push(await watch(() => evaluate(model, [model.shape.layers])));
  }
  await matmuls.close();
  const [milliseconds, matmul] = [Math.min(...own), Math.min(...bare)];
  return { tokens_per_second: (1000 * tokens) / milliseconds, matmul_ratio: matmul / milliseconds, milliseconds, matmul_milliseconds: matmul };
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

/** 32 candidates that differ in one layer of the last third, together, against one by one (four of them, times eight). */
async function compareShared(): Promise<number> {
  const candidates = mutateLastThird(model.shape, 32);
  const together = await evaluate(model, candidates);
  let apart = 0;
  for (const candidate of candidates.slice(0, 4)) apart += await evaluate(model, [candidate]);
  return together / (8 * apart);
}

/** Milliseconds from asking to the last answer. */
async function evaluate(of: LanguageModel, architectures: readonly Architecture[]): Promise<number> {
  const subject = of.subject(recipe());
  const started = performance.now();
  const control = { signal: new AbortController().signal };
  for await (const { windowLosses } of subject.losses(architectures, windows, control)) {
    if (windowLosses.some((loss) => Number.isNaN(loss))) throw new Error('a loss is not a number');
  }
  return performance.now() - started;
}

function recipe() {
  return { ranking: identityRanking(model.shape.layers) };
}

async function watch<Result>(work: () => Promise<Result>): Promise<Result> {
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  const result = await work();
  delays.disable();
  longestDelayMs = Math.max(longestDelayMs, delays.max / 1e6);
  return result;
}

/** Pseudo-random token ids: speed does not depend on them. */
function createWindows({ vocabulary }: ModelShape, count: number, length: number): Window[] {
  const rng = createRng(1);
  return Array.from({ length: count }, (_, start) => ({ start, scoredFrom: 1, tokens: Int32Array.from({ length }, () => rng.integer(vocabulary)) }));
}

/** That share of the key-value groups of every layer, rounded up, and channels until the total, head included, has shrunk by `share`. */
function removeFlops({ hidden, headDim, vocabulary, layers }: ModelShape, share: number): Architecture {
  const attention = layers.reduce((sum, { kvHeads, queryHeadsPerKv }) => sum + 2 * kvHeads * (queryHeadsPerKv + 1) * headDim * hidden, 0);
  const ffn = layers.reduce((sum, { ffnChannels }) => sum + 3 * ffnChannels * hidden, 0);
  const groups = layers.map(({ kvHeads }) => Math.max(1, Math.floor(kvHeads * (1 - share))));
  const saved = layers.reduce((sum, { kvHeads, queryHeadsPerKv }, layer) => sum + 2 * (kvHeads - (groups[layer] ?? kvHeads)) * (queryHeadsPerKv + 1) * headDim * hidden, 0);
  const kept = 1 - (share * (attention + ffn + vocabulary * hidden) - saved) / ffn;
  return layers.map((layer, index) => ({ ...layer, kvHeads: groups[index] ?? layer.kvHeads, ffnChannels: Math.max(1, Math.round(layer.ffnChannels * kept)) }));
}

function mutateLastThird({ layers }: ModelShape, count: number): Architecture[] {
  const rng = createRng(2);
  const first = Math.floor((2 * layers.length) / 3);
  return Array.from({ length: count }, () => {
    const mutated = first + rng.integer(layers.length - first);
    return layers.map((layer, index) => (index === mutated ? { ...layer, ffnChannels: 1 + rng.integer(layer.ffnChannels) } : layer));
  });
}

function printReport(): void {
  const rows = [
    ['dense, tokens a second', report.dense.tokens_per_second.toFixed(0)],
    ['bare matmuls / Evaluate', report.dense.matmul_ratio.toFixed(3)],
    ['25 % fewer FLOPs, time', report.pruned25.time_ratio.toFixed(3)],
    ['32 with shared prefixes, time', report.shared_prefix.time_ratio.toFixed(3)],
    ['event loop, longest delay', `${report.event_loop.max_delay_ms.toFixed(1)} ms`],
    ['peak resident memory', `${(report.memory.peak_rss_bytes / 2 ** 20).toFixed(0)} MiB`],
  ];
  console.log(`${report.model}: ${report.windows.count} windows of ${report.windows.tokens} tokens, ${threads} threads, ${report.cpu.model}`);
  for (const [name = '', value = ''] of rows) console.log(`  ${name.padEnd(32)}${value.padStart(12)}`);
}
