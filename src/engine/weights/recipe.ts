import { createHash } from 'node:crypto';
import { canonicalJson } from '../../core/canonical-json.js';
import type { Ranking } from '../../core/model/units.js';
import type { Compensation } from '../../core/ports/compensation.js';
import type { PluginAddress } from '../../core/ports/plugin-entry.js';
import type { Calibration } from '../calibration/calibration.js';

/** How units are ranked and how the kept ones are compensated. */
export interface WeightRecipe {
  /** Distinguishes this recipe's weights from those of other recipes in the store. */
  readonly key: string;
  readonly ranking: Ranking;
  readonly compensation?: CompensationRecipe;
}

export interface CompensationRecipe {
  readonly plugin: Compensation;
  readonly options: unknown;
  /** What the plug-in needs; undefined: nothing. */
  readonly calibration?: Calibration;
}

/** What the sorted and compensated weights of a recipe depend on. */
export interface KeyedRecipe {
  readonly ranking: Ranking;
  readonly compensation?: {
    readonly address: PluginAddress;
    readonly options: unknown;
    readonly calibration?: Calibration;
  };
}

/** The same text for recipes that give the same weights, so that those are stored once. */
export function keyRecipe({ ranking, compensation }: KeyedRecipe): string {
  const hash = createHash('sha256');
  for (const { kvGroups, queryHeads, ffnChannels } of ranking) {
    for (const order of [kvGroups, ...queryHeads, ffnChannels]) hash.update(Int32Array.of(order.length, ...order));
  }
  if (compensation !== undefined) {
    const { address, options, calibration } = compensation;
    hash.update(canonicalJson({ address, options, gramKey: calibration?.gramKey ?? '' }));
    for (const { attention, ffn } of calibration?.layers ?? []) {
      for (const values of [attention.mean, attention.meanSquare, ffn.mean, ffn.meanSquare]) hash.update(values);
    }
  }
  return hash.digest('hex');
}
