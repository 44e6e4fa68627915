import type { ArchitectureLosses } from '../../core/ports/evaluator.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { ModelCalls } from '../workers/model-messages.js';
import type { ModelThread } from '../workers/model-thread.js';
import type { LossShare } from './share-losses.js';
import { sumProgress } from './sum-progress.js';

export type LossesArgument = ModelCalls['losses']['argument'];

/**
 * Computes the shares of a call at the same time, each in its lane; an architecture's losses come as soon as they are
 * complete. If a share fails, the others are cancelled, and the error is thrown.
 *
 * @param budgetBytes of each lane
 */
export async function* runShares(
  lanes: readonly Pick<ModelThread, 'stream'>[],
  shares: readonly LossShare[],
  call: LossesArgument,
  work: WorkContext,
  budgetBytes: number | undefined,
): AsyncGenerator<ArchitectureLosses> {
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
            'losses',
            {
              ...call,
              architectures: share.architectures.map((place) => call.architectures[place] ?? []),
              windows: share.windows.flatMap((place) => call.windows[place] ?? []),
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
function weigh(shares: readonly LossShare[], { architectures, windows }: LossesArgument): number[] {
  const countTokens = (places: readonly number[]): number =>
    places.reduce((sum, place) => sum + (windows[place]?.tokens.length ?? 0), 0);
  const all = architectures.length * countTokens([...windows.keys()]);
  return shares.map((share) => (share.architectures.length * countTokens(share.windows)) / all);
}

/** Puts together what shares give for an architecture; undefined as long as a share of it is missing. */
function gather(
  shares: readonly LossShare[],
  { windows }: LossesArgument,
): (stream: number, item: ArchitectureLosses) => ArchitectureLosses | undefined {
  const missing = new Map<number, number>();
  for (const { architectures } of shares)
    for (const architecture of architectures) missing.set(architecture, (missing.get(architecture) ?? 0) + 1);
  const open = new Map<number, ArchitectureLosses>();
  return (stream, { index: place, windowLosses, windowHits }) => {
    const share = shares[stream];
    const index = share?.architectures[place];
    if (share === undefined || index === undefined) return undefined;
    const whole = open.get(index) ?? {
      index,
      windowLosses: new Float64Array(windows.length),
      windowHits: new Int32Array(windows.length),
    };
    share.windows.forEach((window, at) => {
      whole.windowLosses[window] = windowLosses[at] ?? Number.NaN;
      whole.windowHits[window] = windowHits[at] ?? 0;
    });
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
