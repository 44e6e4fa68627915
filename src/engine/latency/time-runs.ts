import type { Architecture } from '../../core/model/shape.js';
import type { Timing, TimingRequest } from '../../core/ports/evaluator.js';
import { listSteps, type RankedWeights } from '../weights/half-blocks.js';
import { compilesAgain, createDecoding, timeHead, type LatencyContext } from './time-decoding.js';

/**
 * How long an architecture takes for a prompt, and for one token after it. Weights are in memory before a run, and
 * half-blocks run one by one, each on the same states; what it takes to embed tokens is left out.
 *
 * @param weights in any ranking and without compensation: only sizes matter
 * @param runDone called after each run, those for warming up included
 */
export async function timeRuns(
  context: LatencyContext,
  weights: RankedWeights,
  architecture: Architecture,
  { tokens, repeats, warmUp }: TimingRequest,
  signal: AbortSignal,
  runDone: () => void = () => undefined,
): Promise<Timing> {
  const repeat = async (run: (signal: AbortSignal) => Promise<number>): Promise<Float64Array> => {
    const times = new Float64Array(repeats);
    for (let round = -warmUp; round < repeats; round++) {
      const taken = await run(signal);
      if (round >= 0) times[round] = taken;
      runDone();
    }
    return times;
  };
  const prefillMs = await repeat(createPrefill(context, weights, architecture, tokens));
  return { prefillMs, decodeMs: await repeat(createDecoding(context, weights, architecture, tokens)) };
}

/** A run of an architecture for a prompt, up to the logits after its last token, which gives its milliseconds. */
function createPrefill(
  context: LatencyContext,
  weights: RankedWeights,
  architecture: Architecture,
  length: number,
): (signal: AbortSignal) => Promise<number> {
  const { shape, runner, now } = context;
  const input = new Float32Array(length * shape.hidden).fill(0.1);
  const output = new Float32Array(input.length);
  const isCompiledAgain = compilesAgain(architecture);
  return async (signal) => {
    let total = await timeHead(context);
    for (const step of listSteps(architecture)) {
      signal.throwIfAborted();
      const half = await weights.prepare(step);
      if (half.kind === 'nothing') continue;
      const run = () => runner.runHalf(half, { count: 1, length }, input, output);
      if (isCompiledAgain && half.kind === 'attention') await run();
      const from = now();
      await run();
      total += now() - from;
    }
    return total;
  };
}
