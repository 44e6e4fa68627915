import { listUnitGroups, type ScoredKind } from '../../core/model/unit-groups.js';
import type { UnitScores } from '../../core/model/unit-scores.js';
import type { ModelCriterion, ScoredModel } from '../../core/ports/criterion.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';

/** A checkpoint as a criterion is shown it that scores the whole model. */
export function describeScored(
  { shape, directory, digest }: Pick<Checkpoint, 'shape' | 'directory' | 'digest'>,
  sequences: readonly Int32Array[] | undefined,
  seed: number,
): ScoredModel {
  const given = sequences === undefined ? {} : { sequences };
  return { shape, directory, digest, groups: listUnitGroups(shape), ...given, seed };
}

/**
 * A criterion's scores of all units, layer by layer.
 *
 * @param criterion guarded: it gives all groups of the model, each once
 */
export async function scoreModel(
  criterion: ModelCriterion,
  options: unknown,
  model: ScoredModel,
  work: WorkContext,
): Promise<UnitScores[]> {
  const found = model.shape.layers.map(
    (): Record<keyof UnitScores, Float32Array> => ({
      ffnChannels: new Float32Array(),
      queryHeads: new Float32Array(),
      kvGroups: new Float32Array(),
    }),
  );
  let done = 0;
  for await (const { layer, kind, scores } of criterion.scoreModel(model, options, work)) {
    work.signal.throwIfAborted();
    const own = found[layer];
    if (own !== undefined) own[FIELDS[kind]] = scores;
    done += 1;
    work.report?.({ activity: 'scoring units', what: 'groups', done, total: model.groups.length });
  }
  return found;
}

const FIELDS = {
  ffn_channel: 'ffnChannels',
  query_head: 'queryHeads',
  kv_group: 'kvGroups',
} as const satisfies Record<ScoredKind, keyof UnitScores>;
