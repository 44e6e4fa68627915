import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Architecture } from '../../src/core/model/shape.js';
import type { KeptUnits } from '../../src/core/model/units.js';
import { scoreFrom, type Sequence } from '../../src/core/sequence.js';

interface CriteriaReference {
  readonly calibration_ids: readonly (readonly number[])[];
  readonly evaluation_ids: readonly (readonly number[])[];
  readonly scores: Readonly<
    Record<
      string,
      readonly {
        readonly ffn: readonly number[];
        readonly query_head: readonly number[];
        readonly kv_group: readonly number[];
      }[]
    >
  >;
  readonly block_influence: readonly number[];
  readonly pruned: readonly PrunedReference[];
}

export interface PrunedReference {
  readonly name: string;
  readonly criterion: string;
  readonly kv_heads: readonly number[];
  readonly ffn_channels: readonly number[];
  readonly kept_query_heads: readonly (readonly number[])[];
  readonly kept_ffn_channels: readonly (readonly number[])[];
  readonly perplexity: number;
}

/** What PyTorch and transformers found for the demo model: a part of `reference/criteria.json` in the shared folder. */
export const CRITERIA: CriteriaReference = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../fixtures/criteria.json'), 'utf8'),
) as CriteriaReference;

export const calibrationSequences: readonly Int32Array[] = CRITERIA.calibration_ids.map((ids) => Int32Array.from(ids));

export const evaluationWindows: readonly Sequence[] = CRITERIA.evaluation_ids.map((ids) =>
  scoreFrom(Int32Array.from(ids)),
);

/** The kept units; the demo model has two query heads a group, kept together. */
export function keptUnitsOf({ kept_query_heads: heads, kept_ffn_channels: channels }: PrunedReference): KeptUnits {
  return heads.map((queryHeads, layer) => ({
    kvGroups: [...new Set(queryHeads.map((head) => Math.floor(head / 2)))],
    queryHeads,
    ffnChannels: channels[layer] ?? [],
  }));
}

export function architectureOfReference({ kv_heads: kvHeads, ffn_channels: channels }: PrunedReference): Architecture {
  return kvHeads.map((kept, layer) => ({
    kvHeads: kept,
    queryHeadsPerKv: kept === 0 ? 0 : 2,
    ffnChannels: channels[layer] ?? 0,
  }));
}

/** exp of the mean loss a predicted token. */
export function perplexityOf(losses: Float64Array, predictions: number): number {
  return Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / predictions);
}
