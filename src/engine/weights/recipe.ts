import { createHash } from 'node:crypto';
import { canonicalJson } from '../../core/canonical-json.js';
import type { Ranking } from '../../core/model/units.js';
import type { Compensation } from '../../core/ports/compensation.js';
import type { PluginAddress } from '../../core/ports/plugin-entry.js';
import type { Calibration } from '../calibration/calibration.js';

/**
 * A recipe whose criterion has ranked the units: their order, and how the kept ones are compensated. Without
 * `compensation` they stay as they are.
 *
 * `Compensator` is what stands for the compensation. By default it is the plug-in and the module that it comes from: it
 * works in the thread that has the weights.
 */
export interface RankedRecipe<Compensator = { readonly plugin: Compensation; readonly moduleUrl: URL }> {
  readonly ranking: Ranking;
  readonly compensation?: Compensator & {
    /** Complete: the output of the plug-in's schema. */
    readonly options: unknown;
    /** What the plug-in needs; undefined: nothing. */
    readonly calibration?: Calibration;
  };
  /** The weights of one architecture, trained after its compensation; other architectures cannot be computed then. */
  readonly trained?: TrainedFile;
}

/** Weights that a training has written. */
export interface TrainedFile {
  readonly path: string;
  /** Distinguishes them from those of other trainings. */
  readonly key: string;
}

/**
 * A recipe as the thread that has the weights computes with it. Its key distinguishes its weights from those of other
 * recipes in the store.
 */
export interface KeyedRecipe<Compensator = { readonly plugin: Compensation }> extends RankedRecipe<Compensator> {
  /** From `keyRecipe`. */
  readonly key: string;
}

/** The same text for recipes that give the same weights, so that those are stored once. */
export function keyRecipe({
  ranking,
  compensation,
  trained,
}: RankedRecipe<{ readonly address: PluginAddress }>): string {
  const hash = createHash('sha256');
  for (const { kvGroups, queryHeads, ffnChannels } of ranking) {
    for (const order of [kvGroups, ...queryHeads, ffnChannels]) hash.update(Int32Array.of(order.length, ...order));
  }
  if (compensation !== undefined) {
    const { options, calibration } = compensation;
    const { host: _host, ...address } = compensation.address;
    hash.update(canonicalJson({ address, options, gramKey: calibration?.gramKey ?? '' }));
    for (const { attention, ffn } of calibration?.layers ?? []) {
      for (const values of [attention.mean, attention.meanSquare, ffn.mean, ffn.meanSquare]) hash.update(values);
    }
  }
  if (trained !== undefined) hash.update(trained.key);
  return hash.digest('hex');
}
