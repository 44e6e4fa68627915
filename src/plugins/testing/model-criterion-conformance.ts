import { deepStrictEqual } from 'node:assert/strict';
import type { GroupScores, ModelCriterion, ScoredModel } from '../../core/ports/criterion.js';
import { guardModelCriterion } from '../../plugin-host/guards/guard-model-criterion.js';
import {
  completeOptions,
  listManifestChecks,
  requireAborted,
  requireFinite,
  selectChecks,
  type ConformanceCheck,
  type ConformanceSettings,
} from './conformance-check.js';

export interface ModelCriterionConformance extends ConformanceSettings {
  /** A model to score, with its folder; without it only the manifest is checked. */
  readonly model?: ScoredModel;
}

/** The conformance kit for criteria that score a whole model, for any test runner. */
export function listModelCriterionChecks<Options>(
  criterion: ModelCriterion<Options>,
  settings: ModelCriterionConformance = {},
): readonly ConformanceCheck[] {
  const { model } = settings;
  const guarded = guardModelCriterion(criterion as ModelCriterion, { limitMs: undefined });
  const score = async (signal: AbortSignal = new AbortController().signal): Promise<readonly GroupScores[]> => {
    const scores: GroupScores[] = [];
    if (model === undefined) return scores;
    const options = completeOptions(criterion.options, settings);
    for await (const group of guarded.scoreModel(model, options, { signal })) scores.push(group);
    return scores;
  };
  return selectChecks([
    ...listManifestChecks(criterion as ModelCriterion, settings),
    {
      when: model !== undefined,
      name: 'gives each group of the model once, one finite score per unit',
      run: async () => {
        for (const { layer, kind, scores } of await score()) requireFinite(scores, `${kind} of layer ${layer}`);
      },
    },
    {
      when: model !== undefined,
      name: 'gives the same scores for the same model, options and seed',
      run: async () => deepStrictEqual(await score(), await score()),
    },
    {
      when: model !== undefined,
      name: 'ends in time when it is cancelled',
      run: async () => void (await requireAborted(score)),
    },
  ]);
}
