import type { Precision } from '../../core/measurement.js';
import type { Architecture } from '../../core/model/shape.js';
import type { Sequence } from '../../core/sequence.js';
import type { Observation } from '../../core/ports/evaluator.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { digestOf } from '../files/digest.js';
import { evaluateArchitectures } from '../forward/evaluate-architectures.js';
import type { KeyedRecipe } from '../weights/recipe.js';
import type { ModelMemory } from './model-memory.js';
import { describeWorkload, type WeightsProvider } from './weights-provider.js';

export interface ObservedArchitectures {
  readonly recipe: KeyedRecipe;
  readonly architectures: readonly Architecture[];
  readonly sequences: readonly Sequence[];
  readonly precision: Precision;
}

/** The losses of each architecture under a recipe: all architectures together, unless each has its own weights. */
export async function* observeArchitectures(
  memory: ModelMemory,
  provider: WeightsProvider,
  dense: Architecture,
  request: ObservedArchitectures,
  work: WorkContext,
): AsyncGenerator<Observation> {
  const { recipe, architectures, sequences, precision } = request;
  if (provider.isOnStream(recipe)) {
    yield* observeOnStreams(memory, provider, request, work);
    return;
  }
  const weights = provider.inPrecision(await provider.provide(recipe, dense, work), precision);
  yield* evaluateArchitectures(await startEvaluation(memory, request), weights, architectures, sequences, work);
}

async function* observeOnStreams(
  memory: ModelMemory,
  provider: WeightsProvider,
  request: ObservedArchitectures,
  work: WorkContext,
): AsyncGenerator<Observation> {
  const { recipe, architectures, sequences, precision } = request;
  for (let from = 0; from < architectures.length; ) {
    const together = await provider.provideOnStreams(recipe, architectures.slice(from), work);
    for (const [place, own] of together.entries()) {
      const index = from + place;
      const architecture = architectures[index] ?? [];
      const report =
        work.report === undefined ? {} : { report: shareProgress(work.report, index, architectures.length) };
      for await (const result of evaluateArchitectures(
        await startEvaluation(memory, request),
        provider.inPrecision(own, precision, digestOf(architecture)),
        [architecture],
        sequences,
        { signal: work.signal, ...report },
      ))
        yield { ...result, index };
    }
    from += together.length;
  }
}

function startEvaluation(memory: ModelMemory, { recipe, sequences, precision }: ObservedArchitectures) {
  return memory.startCall(
    sequences.map(({ tokens }) => tokens),
    { ...describeWorkload(recipe), precision },
  );
}

/** One architecture's progress as a part of the progress of all; each has the same share. */
function shareProgress(
  report: NonNullable<WorkContext['report']>,
  index: number,
  count: number,
): NonNullable<WorkContext['report']> {
  return ({ what, done, total }) => report({ what, done: index * total + done, total: count * total });
}
