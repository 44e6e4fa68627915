import type { Architecture } from '../../core/model/shape.js';
import { countContinuations } from '../../core/count-continuations.js';
import type { RunBatch } from '../../core/run-batches.js';
import type { Observation, ObservationRequest } from '../../core/ports/evaluator.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { ModelConfig } from '../config/config.js';
import { digestOf } from '../files/digest.js';
import { continueSequences } from '../forward/continue-sequences.js';
import { evaluateArchitectures, type DenseModel } from '../forward/evaluate-architectures.js';
import type { HalfBlocks } from '../weights/half-blocks.js';
import type { KeyedRecipe } from '../weights/recipe.js';
import type { CallContext, ModelMemory } from './model-memory.js';
import { describeObservation } from './plan-memory.js';
import { describeWorkload, type WeightsProvider } from './weights-provider.js';

export interface ObservedArchitectures {
  readonly recipe: KeyedRecipe;
  readonly architectures: readonly Architecture[];
  readonly request: ObservationRequest;
  /** From `planRuns`. */
  readonly batches: readonly RunBatch[];
}

/** What is asked of each architecture under a recipe: all architectures together, unless each has its own weights. */
export async function* observeArchitectures(
  memory: ModelMemory,
  provider: WeightsProvider,
  config: ModelConfig,
  asked: ObservedArchitectures,
  work: WorkContext,
): AsyncGenerator<Observation> {
  const { recipe, architectures, request } = asked;
  const { precision = 'float32', divergences = false } = request;
  const dense = divergences
    ? { weights: provider.inPrecision(provider.own(), precision), architecture: config.shape.layers }
    : undefined;
  if (!provider.isOnStream(recipe)) {
    const weights = provider.inPrecision(await provider.provide(recipe, config.shape.layers, work), precision);
    yield* observeUnder({ weights, dense }, memory, config, asked, work);
    return;
  }
  for (let from = 0; from < architectures.length; ) {
    const together = await provider.provideOnStreams(recipe, architectures.slice(from), work);
    for (const [place, own] of together.entries()) {
      const index = from + place;
      const architecture = architectures[index] ?? [];
      const weights = provider.inPrecision(own, precision, digestOf(architecture));
      const report =
        work.report === undefined
          ? {}
          : { report: shareProgress(work.report, index, architectures.length, request.sequences.length) };
      const alone = { ...asked, architectures: [architecture] };
      for await (const result of observeUnder({ weights, dense }, memory, config, alone, {
        signal: work.signal,
        ...report,
      }))
        yield { ...result, index };
    }
    from += together.length;
  }
}

/** What is asked of architectures that have their weights in common. */
async function* observeUnder(
  { weights, dense }: { readonly weights: HalfBlocks; readonly dense: DenseModel | undefined },
  memory: ModelMemory,
  { endTokenIds }: ModelConfig,
  { recipe, architectures, request, batches }: ObservedArchitectures,
  work: WorkContext,
): AsyncGenerator<Observation> {
  const { sequences, continuation } = request;
  const isScored = ({ readers }: RunBatch): boolean =>
    readers.some(({ sequence }) => (sequences[sequence]?.spans.length ?? 0) > 0);
  const context = await startObservation(memory, recipe, request, batches);
  const scoring = { sequences, batches: batches.filter(isScored) };
  if (continuation === undefined) {
    yield* evaluateArchitectures(context, weights, architectures, scoring, work, dense);
    return;
  }
  const results = evaluateArchitectures(context, weights, architectures, scoring, withoutKnown(work), dense);
  // A run for the losses keeps hidden states until its last result is there; continuing needs their memory.
  const scored: Observation[] = [];
  for await (const result of results) scored.push(result);
  const continuing = { most: continuation, endTokens: endTokenIds };
  for (const [done, result] of scored.entries()) {
    const architecture = architectures[result.index] ?? [];
    const found = await continueSequences(context, weights, architecture, sequences, continuing, work.signal);
    yield {
      ...result,
      continuations: found,
      furtherTokens: (result.furtherTokens ?? 0) + countContinuations(sequences, continuation, found),
    };
    work.report?.({
      activity: 'continuing',
      what: 'architectures',
      done: done + 1,
      total: scored.length,
      known: (done + 1) * sequences.length,
    });
  }
}

/** The losses of some sequences are no whole answer yet where others are continued. */
function withoutKnown({ signal, report }: WorkContext): WorkContext {
  if (report === undefined) return { signal };
  return {
    signal,
    report: (progress) => {
      const { known: _, ...own } = progress;
      report(own);
    },
  };
}

function startObservation(
  memory: ModelMemory,
  recipe: KeyedRecipe,
  request: ObservationRequest,
  batches: readonly RunBatch[],
): Promise<CallContext> {
  return memory.startCall(
    request.sequences.map(({ tokens }) => tokens),
    { ...describeWorkload(recipe), ...describeObservation(request, batches) },
  );
}

/** One architecture's progress as a part of the progress of all; each has the same share. */
function shareProgress(
  report: NonNullable<WorkContext['report']>,
  index: number,
  count: number,
  sequences: number,
): NonNullable<WorkContext['report']> {
  return ({ known, ...progress }) =>
    report({
      ...progress,
      done: index * progress.total + progress.done,
      total: count * progress.total,
      ...(known === undefined ? {} : { known: index * sequences + known }),
    });
}
