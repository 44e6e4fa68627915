import type { RunBatch, TokenRun } from '../../core/run-batches.js';
import { TOKENS_PER_RUN } from '../../core/sequence-batches.js';
import { countTokens } from '../../core/sequence.js';
import type { BatchSize, BlockRunner, RunnableAttention, RunnableHalf } from './block-runner.js';

/** Arrays that grow as they are needed, by name; each is used for one thing at a time. */
export type Scratch = (
  name: 'query' | 'key' | 'value' | 'attended' | 'keys' | 'values',
  length: number,
) => Float32Array;

export function createScratch(): Scratch {
  const kept = new Map<string, Float32Array>();
  return (name, length) => {
    const known = kept.get(name);
    const array = known === undefined || known.length < length ? new Float32Array(length) : known;
    kept.set(name, array);
    return array.subarray(0, length);
  };
}

/** What a batch runs with. */
export interface BatchContext {
  readonly runner: BlockRunner;
  readonly headDim: number;
  readonly scratch: Scratch;
}

/**
 * Runs a half-block on a batch. Whole sequences of one length run at once. Other runs lie one after the other as rows of
 * one matrix; only attention looks at each of them apart, with the keys and values of the tokens before it, which are
 * kept for this half-block.
 *
 * @param input hidden states before the half-block, [rows, hidden]
 * @param output those after it; not the same array as `input`
 */
export async function runBatch(
  { runner, headDim, scratch }: BatchContext,
  half: RunnableHalf,
  batch: RunBatch,
  input: Float32Array,
  output: Float32Array,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const whole = sizeOfWhole(batch);
  if (whole !== undefined) return runner.runHalf(half, whole, input, output);
  const hidden = input.length / batch.rows;
  const context = half.kind === 'attention' ? openContext(batch, half, { runner, headDim, scratch }) : undefined;
  for (const runs of divideRuns(batch)) {
    signal.throwIfAborted();
    const [first, rows] = [runs[0]?.row ?? 0, countTokens(runs)];
    const part = (states: Float32Array): Float32Array => states.subarray(first * hidden, (first + rows) * hidden);
    if (context === undefined) await runner.runHalf(half, { count: 1, length: rows }, part(input), part(output));
    else await context.run(runs, part(input), part(output));
  }
}

/** An attention half-block for the runs of a batch, which come in their order. */
function openContext(
  { runs: all }: RunBatch,
  half: RunnableAttention,
  { runner, headDim, scratch }: BatchContext,
): { run(runs: readonly TokenRun[], input: Float32Array, output: Float32Array): Promise<void> } {
  const { weights, queryHeads, kvHeads } = half;
  const [queryWidth, width] = [queryHeads * headDim, kvHeads * headDim];
  const longest = all.reduce((most, { from, tokens }) => Math.max(most, from + tokens.length), 0);
  // Of the last token that was run at each position: depth first, these are the ones that the next run continues.
  const before = { key: scratch('keys', longest * width), value: scratch('values', longest * width) };
  return {
    run: async (runs, input, output) => {
      const [first, length] = [runs[0]?.row ?? 0, countTokens(runs)];
      const own = {
        query: scratch('query', length * queryWidth),
        key: scratch('key', length * width),
        value: scratch('value', length * width),
      };
      const tap = scratch('attended', length * queryWidth);
      await runner.runHeads(half, { positions: listPositions(runs, length), longest }, input, own);
      for (const { from, tokens, row } of runs) {
        const [start, end] = [row - first, row - first + tokens.length];
        const seen = (from + tokens.length) * width;
        for (const part of ['key', 'value'] as const)
          before[part].set(own[part].subarray(start * width, end * width), from * width);
        await runner.attend(
          half,
          {
            query: own.query.subarray(start * queryWidth, end * queryWidth),
            key: before.key.subarray(0, seen),
            value: before.value.subarray(0, seen),
          },
          tap.subarray(start * queryWidth, end * queryWidth),
        );
      }
      const map = { weights: weights.output, bias: weights.outputBias };
      await runner.runOutputMap(map, { count: 1, length }, { input, tap }, output);
    },
  };
}

/** The size of a batch that has whole sequences of one length; undefined for others. */
function sizeOfWhole({ runs }: RunBatch): BatchSize | undefined {
  const length = runs[0]?.tokens.length ?? 0;
  return runs.every(({ from, tokens }) => from === 0 && tokens.length === length)
    ? { count: runs.length, length }
    : undefined;
}

/** As many runs together as have `TOKENS_PER_RUN` tokens, at least one. */
function divideRuns({ runs }: RunBatch): TokenRun[][] {
  const parts: TokenRun[][] = [];
  let tokens = Infinity;
  for (const run of runs) {
    tokens += run.tokens.length;
    const last = parts.at(-1);
    if (last !== undefined && tokens <= TOKENS_PER_RUN) last.push(run);
    else {
      parts.push([run]);
      tokens = run.tokens.length;
    }
  }
  return parts;
}
function listPositions(runs: readonly TokenRun[], length: number): BigInt64Array {
  const positions = new BigInt64Array(length);
  let at = 0;
  for (const { from, tokens } of runs)
    for (let place = 0; place < tokens.length; place++) positions[at++] = BigInt(from + place);
  return positions;
}
