import { describe, expect, it } from 'vitest';
import type { Architecture } from '../../../src/core/model/shape.js';
import { buildPrefixTree } from '../../../src/engine/forward/prefix-tree.js';

const build = (...layers: readonly (readonly [kv: number, perKv: number, ffn: number])[]): Architecture =>
  layers.map(([kvHeads, queryHeadsPerKv, ffnChannels]) => ({ kvHeads, queryHeadsPerKv, ffnChannels }));

describe('buildPrefixTree', () => {
  it('computes every half-block once that architectures have in common', () => {
    const tree = buildPrefixTree([
      build([2, 1, 8], [2, 1, 8]),
      build([2, 1, 8], [2, 1, 4]),
      build([2, 1, 6], [2, 1, 8]),
    ]);
    // Attention of layer 0 serves all three; its FFN of 8 and attention of layer 1 two of them.
    expect(tree.steps).toBe(1 + (1 + 1 + 2) + (1 + 1 + 1));
    expect(tree.heldStates).toBe(1);
  });

  it('leads equal architectures to the same end', () => {
    const same = build([2, 1, 8]);
    const tree = buildPrefixTree([same, same]);
    expect(tree.steps).toBe(2);
    expect(tree.children[0]?.children[0]?.ends).toEqual([0, 1]);
  });

  it('leaves out dropped half-blocks, so that later steps can be shared across them', () => {
    const architectures = [build([2, 1, 8], [0, 0, 0]), build([2, 1, 8], [0, 0, 5])];
    expect(buildPrefixTree(architectures).steps).toBe(3);
    expect(buildPrefixTree(architectures, true).steps).toBe(2 + 1 + 2);
  });
});
