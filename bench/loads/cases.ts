import type { Architecture, LayerArchitecture, ModelShape } from '../../src/core/model/shape.js';

/** A pruned model that is written in every form. */
export interface Case {
  readonly source: ModelShape;
  readonly shape: string;
  readonly architecture: Architecture;
  /** The id of a compensation. */
  readonly compensation: string;
}

/**
 * Shapes with and without compensation. `affine` is the one that leaves biases in dropped halves. FFN widths are multiples
 * of 256, which every exporter holds; heads differ in one shape alone, as the form `decilm` has as many in all layers.
 */
export function listCases(source: ModelShape): readonly Case[] {
  const dense = source.layers;
  const widths = dense.map((layer, index) => ({ ...layer, ffnChannels: channels(layer, 1 - 0.1 * (index % 5)) }));
  const middle = Math.floor(dense.length / 2);
  const shapes: Record<string, Architecture> = {
    dense,
    uniform: dense.map((layer) => ({ ...layer, ffnChannels: channels(layer, 0.8) })),
    'per layer': widths.map((layer, index) => (index % 4 === 1 ? withHalfTheHeads(layer) : layer)),
    'dropped halves': widths.map((layer, index) => ({
      ...layer,
      ...(index === middle || index === middle + 2 ? { kvHeads: 0, queryHeadsPerKv: 0 } : {}),
      ...(index === middle + 1 || index === middle + 2 ? { ffnChannels: 0 } : {}),
    })),
  };
  const pairs = [
    ['uniform', 'least-squares'],
    ['per layer', 'least-squares'],
    ['dropped halves', 'least-squares'],
    ['dropped halves', 'affine'],
    ['dense', 'none'],
    ['uniform', 'none'],
    ['per layer', 'none'],
    ['dropped halves', 'none'],
  ] as const;
  return pairs.map(([shape, compensation]) => ({ source, shape, architecture: shapes[shape] ?? [], compensation }));
}

function channels({ ffnChannels }: LayerArchitecture, share: number): number {
  return 256 * Math.round((share * ffnChannels) / 256);
}

function withHalfTheHeads(layer: LayerArchitecture): LayerArchitecture {
  return { ...layer, kvHeads: Math.ceil(layer.kvHeads / 2) };
}
