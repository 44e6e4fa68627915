import type { Precision } from '../../core/measurement.js';
import { measureSequences } from '../../core/run-batches.js';
import type { EvaluationPlan } from '../../core/ports/evaluator.js';
import { BASE_MEMORY_BYTES, type MemoryUse } from '../../engine/runtime/plan-memory.js';
import { countCalibrated, countFitted, keepsGram } from './count-recipe-work.js';
import type { ResolvedRecipe } from '../requests/recipe.js';
import type { OpenModel } from '../models/open-models.js';

/**
 * What a job takes of the memory of the server's process, as plans state it.
 *
 * @param parts `compensated`: the pairs of a study; `training`: the recovery
 */
export function estimateMemory(
  { language }: Pick<OpenModel, 'language'>,
  evaluations: readonly Pick<EvaluationPlan, 'sequences' | 'fidelity'>[],
  recipes: readonly ResolvedRecipe[],
  { compensated, training }: Pick<MemoryUse, 'compensated' | 'training'> = {},
): { readonly peakMemoryBytes: bigint; readonly baseMemoryBytes: bigint } {
  const runs = evaluations.map(({ sequences }) => measureSequences(sequences));
  const texts = [
    ...runs.map(({ tokens, longest }) => ({ tokens, window: longest })),
    ...recipes.map(countCalibrated),
    ...recipes.map(countFitted),
  ];
  const most = (of: (text: (typeof texts)[number]) => number): number => Math.max(1, ...texts.map(of));
  const precisions = evaluations.map(({ fidelity }) => fidelity.precision);
  const precision: Precision = precisions.includes('int8') ? 'int8' : 'float32';
  const used = language.estimatePeakBytes({
    longest: most(({ window }) => window),
    together: Math.max(1, ...runs.map(({ together }) => together)),
    tokens: most(({ tokens }) => tokens),
    precision,
    fitted: recipes.filter(keepsGram).length,
    ...(compensated === undefined ? {} : { compensated }),
    ...(training === undefined ? {} : { training }),
  });
  return { peakMemoryBytes: BigInt(BASE_MEMORY_BYTES + used), baseMemoryBytes: BigInt(BASE_MEMORY_BYTES) };
}
