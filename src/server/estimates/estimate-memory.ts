import { measureRuns, planRuns } from '../../core/run-batches.js';
import type { EvaluationPlan } from '../../core/ports/evaluator.js';
import { BASE_MEMORY_BYTES, describeObservation, type MemoryUse } from '../../engine/runtime/plan-memory.js';
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
  evaluations: readonly Pick<EvaluationPlan, 'sequences' | 'observe' | 'fidelity'>[],
  recipes: readonly ResolvedRecipe[],
  { compensated, training }: Pick<MemoryUse, 'compensated' | 'training'> = {},
): { readonly peakMemoryBytes: bigint; readonly baseMemoryBytes: bigint } {
  const runs = evaluations.map(describeRun);
  const texts = [
    ...runs.map(({ tokens, longest }) => ({ tokens, window: longest })),
    ...recipes.map(countCalibrated),
    ...recipes.map(countFitted),
  ];
  const used = language.estimatePeakBytes({
    longest: Math.max(1, ...texts.map(({ window }) => window)),
    together: Math.max(1, ...runs.map(({ together = 1 }) => together)),
    tokens: Math.max(1, ...texts.map(({ tokens }) => tokens)),
    precision: runs.some(({ precision }) => precision === 'int8') ? 'int8' : 'float32',
    cached: Math.max(0, ...runs.map(({ cached = 0 }) => cached)),
    ...(runs.some(({ beside }) => beside === 'dense') ? { beside: 'dense' } : {}),
    fitted: recipes.filter(keepsGram).length,
    ...(compensated === undefined ? {} : { compensated }),
    ...(training === undefined ? {} : { training }),
  });
  return { peakMemoryBytes: BigInt(BASE_MEMORY_BYTES + used), baseMemoryBytes: BigInt(BASE_MEMORY_BYTES) };
}

/** What a measurement runs: its sequences and what they are continued by, the prompts that are timed, the dense model. */
function describeRun({ sequences, observe, fidelity: { precision } }: Parameters<typeof estimateMemory>[1][number]) {
  const batches = planRuns(sequences);
  return {
    ...describeObservation({ sequences, precision, ...observe }, batches),
    tokens: measureRuns(sequences, batches).tokens,
  };
}
