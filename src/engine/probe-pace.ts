import { countParameters } from '../core/model/parameters.js';
import type { EvaluationSubject } from '../core/ports/evaluator.js';

/** Float32 weights of more bytes take too long to be read for a guess. */
const MOST_PROBED_BYTES = 2 ** 31;
const PROBED_TOKENS = 128;
/** A model that is at other work is not waited for. */
const MOST_PROBE_MS = 5000;

/**
 * Runs the unpruned model on two short windows, the first of which brings its weights into memory, so that whoever watches
 * `subject` sees its pace. Does nothing for large models, and gives up where the model is at other work. Throws the reason of
 * `wanted`.
 */
export async function probePace(subject: EvaluationSubject, wanted?: AbortSignal): Promise<void> {
  const { shape } = subject;
  if (4 * countParameters(shape, shape.layers) > MOST_PROBED_BYTES) return;
  const windows = [{ tokens: new Int32Array(PROBED_TOKENS), scoredFrom: 1, start: 0 }];
  const late = AbortSignal.timeout(MOST_PROBE_MS);
  const signal = wanted === undefined ? late : AbortSignal.any([late, wanted]);
  try {
    for (let run = 0; run < 2; run++) for await (const _ of subject.losses([shape.layers], windows, { signal }));
  } catch (error) {
    if (!late.aborted) throw error;
  }
}
