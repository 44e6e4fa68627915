import type { Precision } from '../../core/measurement.js';
import type { Architecture } from '../../core/model/shape.js';
import type { ArchitectureLosses, Window } from '../../core/ports/evaluator.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { digestOf } from '../files/digest.js';
import { evaluateArchitectures } from '../forward/evaluate-architectures.js';
import type { KeyedRecipe } from '../weights/recipe.js';
import type { ModelMemory } from './model-memory.js';
import { describeWorkload, type WeightsProvider } from './weights-provider.js';

export interface LossRequest {
  readonly recipe: KeyedRecipe;
  readonly architectures: readonly Architecture[];
  readonly windows: readonly Window[];
  readonly precision: Precision;
}

/** The losses of each architecture under a recipe: all architectures together, unless each has its own weights. */
export async function* measureLosses(
  memory: ModelMemory,
  provider: WeightsProvider,
  dense: Architecture,
  request: LossRequest,
  work: WorkContext,
): AsyncGenerator<ArchitectureLosses> {
  const { recipe, architectures, windows, precision } = request;
  if (provider.isOnStream(recipe)) {
    yield* measureOnStreams(memory, provider, request, work);
    return;
  }
  const weights = provider.inPrecision(await provider.provide(recipe, dense, work), precision);
  yield* evaluateArchitectures(await startEvaluation(memory, request), weights, architectures, windows, work);
}

async function* measureOnStreams(
  memory: ModelMemory,
  provider: WeightsProvider,
  request: LossRequest,
  work: WorkContext,
): AsyncGenerator<ArchitectureLosses> {
  const { recipe, architectures, windows, precision } = request;
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
        windows,
        { signal: work.signal, ...report },
      ))
        yield { ...result, index };
    }
    from += together.length;
  }
}

function startEvaluation(memory: ModelMemory, { recipe, windows, precision }: LossRequest) {
  return memory.startCall(
    windows.map(({ tokens }) => tokens),
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
