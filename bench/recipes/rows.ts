import type { StreamWeights } from './rank-on-stream.js';

/** The criteria that the table compares, the most important ones first, since a run may be stopped. */
export const CRITERIA = {
  fluctuation: { id: 'fluctuation', options: {} },
  obs: { id: 'obs', options: {} },
  wanda: { id: 'wanda', options: {} },
  'taylor-first': { id: 'taylor', options: { order: 'first' } },
  activation: { id: 'activation', options: {} },
  magnitude: { id: 'magnitude', options: {} },
  random: { id: 'random', options: {} },
  'taylor-vectorize': { id: 'taylor', options: { order: 'vectorize' } },
  'taylor-mix': { id: 'taylor', options: { order: 'mix' } },
  'taylor-second': { id: 'taylor', options: { order: 'second' } },
} as const;

export interface AskedCompensation {
  readonly id: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly sequences?: number;
  readonly rankedOnStream?: StreamWeights;
}

/**
 * The compensations; the damping is the default if a name has no number. Those on the stream take the shapes that the
 * one-shot fit chose. `sequences`: calibration sequences of the compensation, if not as many as the units are ranked on.
 * `rankedOnStream`: for `obs` alone, its units are ranked anew for each architecture, on the architecture's own stream.
 */
export const COMPENSATIONS = {
  none: { id: 'none', options: {} },
  mean: { id: 'mean', options: {} },
  'least-squares-0.01': { id: 'least-squares', options: { damping: 0.01 } },
  'least-squares': { id: 'least-squares', options: {} },
  'affine-0.01': { id: 'affine', options: { damping: 0.01 } },
  affine: { id: 'affine', options: {} },
  'stream-0.01': { id: 'least-squares', options: { fit: 'stream', damping: 0.01 } },
  stream: { id: 'least-squares', options: { fit: 'stream' } },
  'stream-outputs': { id: 'least-squares', options: { fit: 'stream', refit: 'outputs' } },
  'stream-all': { id: 'least-squares', options: { fit: 'stream', refit: 'all', input_damping: 1 } },
  'stream-1280': { id: 'least-squares', options: { fit: 'stream' }, sequences: 1280 },
  'stream-all-1280': {
    id: 'least-squares',
    options: { fit: 'stream', refit: 'all', input_damping: 1 },
    sequences: 1280,
  },
  'stream-ranked': { id: 'least-squares', options: { fit: 'stream' }, rankedOnStream: 'own' },
  'stream-ranked-fitted': { id: 'least-squares', options: { fit: 'stream' }, rankedOnStream: 'fitted' },
} as const satisfies Record<string, AskedCompensation>;

/** `half-ffn` keeps half of the FFN channels of every layer, and all heads. */
export const CONTROLS = ['uniform-paper', 'uniform-best', 'half-ffn'] as const;

export type CriterionName = keyof typeof CRITERIA;
export type CompensationName = keyof typeof COMPENSATIONS;
export type ControlName = (typeof CONTROLS)[number];

/** One recipe at one uniform shape. */
export interface Row {
  readonly criterion: CriterionName;
  readonly compensation: CompensationName;
  readonly control: ControlName;
  /** What every unprotected layer keeps. */
  readonly kv_heads: number;
  readonly ffn_channels: number;
  /** Of the exported model, with biases. */
  readonly parameters: number;
  /** Of its weights, in the dtype of the source. */
  readonly bytes: number;
  readonly perplexity: number;
  /** What compensating and measuring took, an architecture; absent in rows of earlier versions. */
  readonly seconds?: number;
}

export interface Results {
  readonly model: string;
  readonly cpu: unknown;
  /** What the figures depend on: rows with other settings are not mixed in. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly dense: { readonly parameters: number; readonly bytes: number; readonly perplexity: number };
  readonly rows: readonly Row[];
}

/** Rows in the order of the tables above. */
export function sortRows(rows: readonly Row[]): Row[] {
  const place = ({ control, criterion, compensation }: Row): number =>
    10_000 * CONTROLS.indexOf(control) +
    100 * Object.keys(CRITERIA).indexOf(criterion) +
    Object.keys(COMPENSATIONS).indexOf(compensation);
  return [...rows].sort((a, b) => place(a) - place(b));
}
