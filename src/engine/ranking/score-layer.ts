import type { ModelShape } from '../../core/model/shape.js';
import type { UnitScores } from '../../core/model/unit-scores.js';
import type { UnitKind } from '../../core/model/units.js';
import type { Criterion, ScoredHalf, Unit } from '../../core/ports/criterion.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { createRng } from '../../core/random.js';
import { listFfnChannels, listKvGroups, listQueryHeads, type ScoredLayer } from './list-units.js';

/** A criterion with its complete options and a seed. */
export interface Scoring {
  /** Guarded: its scores are checked. */
  readonly plugin: Criterion;
  readonly options: unknown;
  readonly seed: number;
  readonly signal?: AbortSignal;
}

/** What a criterion with need `gram` is shown of a half-block of the layer; its Gram matrix is its own copy. */
export type ReadHalf = (half: 'attention' | 'ffn', unitsTogether: number) => Promise<ScoredHalf | undefined>;

/**
 * A criterion's scores of one layer's units.
 *
 * @param readHalf for need `gram`
 */
export async function scoreLayer(
  shape: ModelShape,
  layer: number,
  scored: ScoredLayer,
  { plugin, options, seed, signal }: Scoring,
  readHalf: ReadHalf = () => Promise.resolve(undefined),
): Promise<UnitScores> {
  const rng = createRng(seed);
  const work: WorkContext | undefined = signal === undefined ? undefined : { signal };
  const blockInfluence = scored.statistics?.blockInfluence;
  const score = async (kind: UnitKind, units: readonly Unit[], unitsTogether = units.length): Promise<Float32Array> => {
    if (units.length === 0) return new Float32Array();
    const half = await readHalf(kind === 'ffn_channel' ? 'ffn' : 'attention', unitsTogether);
    return plugin.score(
      {
        layer,
        kind,
        units,
        rng: rng.fork(`layers.${layer}.${kind}`),
        ...(blockInfluence === undefined ? {} : { blockInfluence }),
        ...(half === undefined ? {} : { half }),
      },
      options,
      work,
    );
  };
  return {
    ffnChannels: await score('ffn_channel', listFfnChannels(shape, scored)),
    queryHeads: await score('query_head', listQueryHeads(shape, scored), scored.own.queryHeadsPerKv),
    kvGroups: await score('kv_group', listKvGroups(shape, scored)),
  };
}
