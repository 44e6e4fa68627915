import type { Observation } from '../../core/ports/evaluator.js';
import { countSpans, placeSpans } from '../../core/sequence.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { copySpans, createSpanScores } from '../forward/span-scores.js';
import type { ModelCalls } from '../workers/model-messages.js';
import type { ModelThread } from '../workers/model-thread.js';
import type { Share } from './share-work.js';
import { sumProgress } from './sum-progress.js';

export type ObserveArgument = ModelCalls['observe']['argument'];

/**
 * Computes the shares of a call at the same time, each in its lane; an architecture's losses come as soon as they are
 * complete. If a share fails, the others are cancelled, and the error is thrown.
 *
 * @param budgetBytes of each lane
 */
export async function* runShares(
  lanes: readonly Pick<ModelThread, 'stream'>[],
  shares: readonly Share[],
  call: ObserveArgument,
  work: WorkContext,
  budgetBytes: number | undefined,
): AsyncGenerator<Observation> {
  const others = new AbortController();
  const signal = AbortSignal.any([work.signal, others.signal]);
  const reports = work.report === undefined ? [] : sumProgress(weigh(shares, call), work.report);
  const streams = shares.flatMap((share, index) => {
    const lane = lanes[share.lane];
    const report = reports[index];
    return lane === undefined
      ? []
      : [
          lane.stream(
            'observe',
            {
              ...call,
              architectures: share.architectures.map((place) => call.architectures[place] ?? []),
              request: {
                ...call.request,
                sequences: share.sequences.flatMap((place) => call.request.sequences[place] ?? []),
              },
              batches: share.batches,
              ...(shares.length > 1 ? { threads: 1 } : {}),
            },
            { signal, ...(report === undefined ? {} : { report }) },
            budgetBytes,
          ),
        ];
  });
  const gathered = gather(shares, call);
  try {
    for await (const { stream, item } of merge(streams)) {
      const whole = gathered(stream, item);
      if (whole !== undefined) yield whole;
    }
  } finally {
    others.abort(new Error('the other shares of the call are not wanted any more'));
  }
}

/** What each share is of the whole. */
function weigh(shares: readonly Share[], { architectures, batches }: ObserveArgument): number[] {
  const countTokens = (of: ObserveArgument['batches']): number => of.reduce((sum, { rows }) => sum + rows, 0);
  const all = architectures.length * countTokens(batches);
  return shares.map((share) => (share.architectures.length * countTokens(share.batches)) / all);
}

/** Puts together what shares give for an architecture; undefined as long as a share of it is missing. */
function gather(
  shares: readonly Share[],
  { request: { sequences } }: ObserveArgument,
): (stream: number, item: Observation) => Observation | undefined {
  const missing = new Map<number, number>();
  for (const { architectures } of shares)
    for (const architecture of architectures) missing.set(architecture, (missing.get(architecture) ?? 0) + 1);
  const places = placeSpans(sequences);
  const spans = countSpans(sequences);
  const open = new Map<number, Observation>();
  return (stream, { index: place, ...item }) => {
    const share = shares[stream];
    const index = share?.architectures[place];
    if (share === undefined || index === undefined) return undefined;
    const { continuations, furtherTokens } = item;
    const before = open.get(index) ?? { index, ...createSpanScores(spans, item) };
    let at = 0;
    for (const sequence of share.sequences) {
      const count = sequences[sequence]?.spans.length ?? 0;
      copySpans({ scores: item, first: at }, { scores: before, first: places[sequence] ?? 0 }, count);
      at += count;
    }
    const whole = {
      ...before,
      ...(continuations === undefined
        ? {}
        : { continuations: fill(before.continuations ?? [], share.sequences, continuations) }),
      ...(furtherTokens === undefined ? {} : { furtherTokens: (before.furtherTokens ?? 0) + furtherTokens }),
    };
    const left = (missing.get(index) ?? 1) - 1;
    missing.set(index, left);
    if (left > 0) {
      open.set(index, whole);
      return undefined;
    }
    open.delete(index);
    return whole;
  };
}

/** The list with these items at these places. */
function fill<Item>(list: readonly Item[], places: readonly number[], items: readonly Item[]): Item[] {
  const filled = [...list];
  places.forEach((place, index) => {
    filled[place] = items[index] as Item;
  });
  return filled;
}

/** The items of streams as they come, each with its stream's place. Throws the first error. */
async function* merge<Item>(
  streams: readonly AsyncGenerator<Item>[],
): AsyncGenerator<{ readonly stream: number; readonly item: Item }> {
  const ask = (stream: number) => {
    const next = streams[stream]?.next().then((result) => ({ stream, result }));
    next?.catch(() => undefined); // thrown when it is waited for; of several that fail, only the first is
    return next;
  };
  const asked = new Map(streams.map((_, stream) => [stream, ask(stream)]));
  while (asked.size > 0) {
    const first = await Promise.race(asked.values());
    if (first === undefined) return;
    const { stream, result } = first;
    if (result.done === true) asked.delete(stream);
    else {
      asked.set(stream, ask(stream));
      yield { stream, item: result.value };
    }
  }
}
