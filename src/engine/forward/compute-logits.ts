import type { Architecture } from '../../core/model/shape.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { HalfBlocks } from '../weights/half-blocks.js';
import type { ForwardContext } from './evaluate-architectures.js';
import { createStatePool } from './hidden-states.js';
import { buildPrefixTree } from './prefix-tree.js';
import { countHeadRows } from './score-spans.js';
import { createWalk } from './walk-prefixes.js';

/** All logits of one short sequence, [tokens, vocabulary], for tests and for looking at single predictions. */
export async function computeLogits(
  context: ForwardContext,
  weights: HalfBlocks,
  architecture: Architecture,
  tokens: Int32Array,
  { signal, report }: WorkContext,
): Promise<Float32Array> {
  const { norm, parts } = await context.head();
  const hidden = norm.length;
  const vocabulary = parts.reduce((sum, part) => sum + part.tokens, 0);
  const logits = new Float32Array(tokens.length * vocabulary);
  let halves = 0;
  const passed = (part: number): void => {
    halves += part;
    report?.({ what: 'layers', done: halves / 2, total: architecture.length });
  };
  const walk = createWalk(
    context,
    weights,
    { batches: [{ runs: [{ tokens, from: 0, row: 0 }], readers: [], rows: tokens.length }], pool: createStatePool() },
    signal,
    passed,
  );
  for await (const {
    states: [states = new Float32Array()],
  } of walk.depthFirst(buildPrefixTree([architecture], weights.keepsDropped))) {
    for (const part of parts) {
      const head = await part.read();
      const rows = countHeadRows(part.tokens);
      for (let from = 0; from < tokens.length; from += rows) {
        const to = Math.min(from + rows, tokens.length);
        const found = new Float32Array((to - from) * part.tokens);
        await context.runner.computeLogits({ norm, head }, states.subarray(from * hidden, to * hidden), found);
        for (let row = from; row < to; row++)
          logits.set(
            found.subarray((row - from) * part.tokens, (row - from + 1) * part.tokens),
            row * vocabulary + part.first,
          );
      }
    }
  }
  return logits;
}
