import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { EvaluationPlan, Evaluator, WindowProtocol } from '../../core/ports/evaluator.js';
import type { OpenModel } from '../models/open-models.js';

/**
 * Whether a plan can be measured in the precision asked for: its evaluator has taken it over, and the CPU offers it.
 *
 * @param field the fidelity's path in the request
 * @throws PrunecastError INVALID_REQUEST naming the field, PRECISION_UNAVAILABLE
 */
export async function requirePrecision(
  { language }: OpenModel,
  { id }: Pick<Evaluator, 'id'>,
  { precision: asked = 'float32' }: Pick<WindowProtocol, 'precision'>,
  { fidelity: { precision } }: EvaluationPlan,
  field: string,
): Promise<void> {
  if (precision !== asked)
    throw PrunecastError.ofField(
      `${field}.precision`,
      `is ${asked}; the evaluator "${id}" measures in ${precision} alone`,
    );
  await language.requirePrecision(precision);
}
