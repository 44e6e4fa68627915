import type { Observation } from '../../core/ports/evaluator.js';

/** What is observed of spans, one entry per span in each array; divergences and agreements if asked for. */
export type SpanScores = Pick<Observation, 'losses' | 'hits' | 'divergences' | 'agreements'>;

/** @param like which arrays there are */
export function createSpanScores(spans: number, like: Partial<Record<keyof SpanScores, unknown>> = {}): SpanScores {
  return {
    losses: new Float64Array(spans),
    hits: new Int32Array(spans),
    ...(like.divergences === undefined ? {} : { divergences: new Float64Array(spans) }),
    ...(like.agreements === undefined ? {} : { agreements: new Int32Array(spans) }),
  };
}

/** Copies the scores of neighbouring spans, `count` of them from the place `from.first` on, to `to.first` and on. */
export function copySpans(
  from: { readonly scores: SpanScores; readonly first: number },
  to: { readonly scores: SpanScores; readonly first: number },
  count: number,
): void {
  const columns = listColumns(to.scores);
  for (const [index, column] of listColumns(from.scores).entries())
    columns[index]?.set(column.subarray(from.first, from.first + count), to.first);
}

function listColumns({ losses, hits, divergences, agreements }: SpanScores): (Float64Array | Int32Array)[] {
  return [losses, hits, divergences, agreements].filter((column) => column !== undefined);
}
