import type { EvaluationPlan, EvaluationText, Evaluator, WindowProtocol } from '../../core/ports/evaluator.js';
import { atField } from '../../core/errors/at-field.js';

/**
 * The windows that an evaluator cuts a text into.
 *
 * @param field the text's path in the request
 * @throws PrunecastError TEXT_TOO_SHORT naming the field
 */
export function planWindows(
  evaluator: { readonly plugin: Evaluator; readonly options: unknown },
  text: EvaluationText,
  protocol: WindowProtocol,
  field: string,
): EvaluationPlan {
  try {
    return evaluator.plugin.plan(text, protocol, evaluator.options);
  } catch (error) {
    throw atField(error, field);
  }
}
