import type { ModelShape } from './shape.js';
import type { UnitKind } from './units.js';

/** The kinds of units that are scored. */
export type ScoredKind = Exclude<UnitKind, 'layer'>;

/** The units of one kind in one layer: channels, query heads over the whole layer, or key-value groups. */
export interface UnitGroup {
  readonly layer: number;
  readonly kind: ScoredKind;
  /** How many there are. */
  readonly units: number;
}

/** All units of a model by layer and kind; kinds that a layer does not have are left out. */
export function listUnitGroups({ layers }: Pick<ModelShape, 'layers'>): UnitGroup[] {
  return layers.flatMap(({ kvHeads, queryHeadsPerKv, ffnChannels }, layer) => {
    const counts: Readonly<Record<ScoredKind, number>> = {
      ffn_channel: ffnChannels,
      query_head: kvHeads * queryHeadsPerKv,
      kv_group: kvHeads,
    };
    return (Object.entries(counts) as [ScoredKind, number][]).flatMap(([kind, units]) =>
      units === 0 ? [] : [{ layer, kind, units }],
    );
  });
}
