import { PrunecastError } from '../errors/prunecast-error.js';
import type { Architecture, LayerArchitecture } from './shape.js';

/** The kinds of units that are removed, as the API names them. */
export const UNIT_KINDS = ['ffn_channel', 'query_head', 'kv_group', 'layer'] as const;
export type UnitKind = (typeof UNIT_KINDS)[number];

/**
 * One layer's units, most important first. `queryHeads[g]` orders the query heads of group g (numbered 0 to
 * heads per group - 1, within the group, by the group's own index and not its rank).
 */
export interface LayerRanking {
  readonly kvGroups: readonly number[];
  readonly queryHeads: readonly (readonly number[])[];
  readonly ffnChannels: readonly number[];
}

/** The order of all units, layer by layer. If k are kept, these are the first k of the order. */
export type Ranking = readonly LayerRanking[];

/** One layer's kept units by their index in the unpruned model, ascending. `queryHeads` counts over the whole layer. */
export interface LayerKeptUnits {
  readonly kvGroups: readonly number[];
  readonly queryHeads: readonly number[];
  readonly ffnChannels: readonly number[];
}

export type KeptUnits = readonly LayerKeptUnits[];

/** The units that an architecture keeps under a ranking. `own` is the unpruned architecture. */
export function selectKeptUnits(ranking: Ranking, architecture: Architecture, own: Architecture): KeptUnits {
  return architecture.map((layer, index) => {
    const order = ranking[index];
    const dense = own[index];
    if (order === undefined || dense === undefined) throw new RangeError(`no ranking for layer ${index}`);
    const kvGroups = ascending(order.kvGroups.slice(0, layer.kvHeads));
    return {
      kvGroups,
      queryHeads: ascending(
        kvGroups.flatMap((group) =>
          (order.queryHeads[group] ?? [])
            .slice(0, layer.queryHeadsPerKv)
            .map((head) => group * dense.queryHeadsPerKv + head),
        ),
      ),
      ffnChannels: ascending(order.ffnChannels.slice(0, layer.ffnChannels)),
    };
  });
}

/**
 * A ranking under which `architectureOf(kept)` keeps exactly these units: the kept ones first, then the others, both
 * ascending.
 *
 * @throws PrunecastError ARCHITECTURE_INVALID if an index is repeated or out of range, or groups keep different numbers
 * of heads
 */
export function rankKeptFirst(kept: KeptUnits, own: Architecture, field = 'kept_units'): Ranking {
  if (kept.length !== own.length) {
    throw PrunecastError.ofField(
      `${field}.layers`,
      `has ${kept.length} layers, the model has ${own.length}`,
      'ARCHITECTURE_INVALID',
    );
  }
  return kept.map((layer, index) => {
    const path = `${field}.layers[${index}]`;
    const dense = own[index] as LayerArchitecture;
    const kvGroups = keptFirst(layer.kvGroups, dense.kvHeads, `${path}.kv_groups`);
    keptFirst(layer.queryHeads, dense.kvHeads * dense.queryHeadsPerKv, `${path}.query_heads`);
    const perGroup = kvGroups.map(() => [] as number[]);
    for (const head of layer.queryHeads)
      perGroup[Math.floor(head / dense.queryHeadsPerKv)]?.push(head % dense.queryHeadsPerKv);
    const counts = new Set(layer.kvGroups.map((group) => perGroup[group]?.length ?? 0));
    const strays = perGroup.some((heads, group) => heads.length > 0 && !layer.kvGroups.includes(group));
    if (counts.size > 1 || counts.has(0) || strays) {
      throw PrunecastError.ofField(
        `${path}.query_heads`,
        'each kept key-value group keeps the same number of query heads, at least one, and no other group keeps any',
        'ARCHITECTURE_INVALID',
      );
    }
    return {
      kvGroups,
      queryHeads: perGroup.map((heads) => keptFirst(heads, dense.queryHeadsPerKv, `${path}.query_heads`)),
      ffnChannels: keptFirst(layer.ffnChannels, dense.ffnChannels, `${path}.ffn_channels`),
    };
  });
}

/** Every unit in the order of the model: the ranking of a model that was not ranked. */
export function identityRanking(own: Architecture): Ranking {
  return own.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({
    kvGroups: range(kvHeads),
    queryHeads: range(kvHeads).map(() => range(queryHeadsPerKv)),
    ffnChannels: range(ffnChannels),
  }));
}

/** How many units are kept, layer by layer. */
export function architectureOf(kept: KeptUnits): Architecture {
  return kept.map(({ kvGroups, queryHeads, ffnChannels }) => ({
    kvHeads: kvGroups.length,
    queryHeadsPerKv: kvGroups.length === 0 ? 0 : queryHeads.length / kvGroups.length,
    ffnChannels: ffnChannels.length,
  }));
}

function keptFirst(kept: readonly number[], size: number, field: string): number[] {
  const isKept = new Uint8Array(size);
  for (const unit of kept) {
    if (!Number.isInteger(unit) || unit < 0 || unit >= size)
      throw PrunecastError.ofField(
        field,
        `unit ${unit} does not exist; there are 0 to ${size - 1}`,
        'ARCHITECTURE_INVALID',
      );
    if (isKept[unit] === 1) throw PrunecastError.ofField(field, 'names a unit twice', 'ARCHITECTURE_INVALID');
    isKept[unit] = 1;
  }
  const order: number[] = [];
  for (const wanted of [1, 0]) for (let unit = 0; unit < size; unit++) if (isKept[unit] === wanted) order.push(unit);
  return order;
}

function range(size: number): number[] {
  return Array.from({ length: size }, (_, unit) => unit);
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}
