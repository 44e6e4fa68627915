import type { Architecture } from '../../core/model/shape.js';
import type { RunBatch } from '../../core/run-batches.js';
import { isDropped, listSteps } from '../weights/half-blocks.js';

/** What one lane computes of a call: these architectures on these sequences, each by its place in the call, rising. */
export interface Share {
  readonly lane: number;
  readonly architectures: readonly number[];
  readonly sequences: readonly number[];
  /** In which `sequences` run; readers have their places among these. */
  readonly batches: readonly RunBatch[];
}

/** What is to be shared. */
export interface SharedWork {
  readonly architectures: readonly Architecture[];
  readonly sequences: readonly { readonly tokens: Int32Array }[];
  readonly batches: readonly RunBatch[];
}

/**
 * Shares losses among lanes: each takes all architectures on a part of the sequences, so that what architectures have in
 * common is still computed once. If that leaves a lane with much less than others, as with a single batch, each takes a
 * part of the architectures on all sequences instead: those that begin alike stay together. A single share if there is
 * nothing to divide.
 *
 * Sequences are divided by whole batches, so that results are the same bit for bit.
 */
export function shareWork({ architectures, sequences, batches }: SharedWork, lanes: number): Share[] {
  const bySequences = divideBatches(batches, lanes);
  const byArchitectures = divideByBeginning(architectures, lanes);
  const allArchitectures = [...architectures.keys()];
  const allSequences = [...sequences.keys()];
  return bySequences.largest <= MOST_UNEVEN * byArchitectures.largest
    ? bySequences.parts.map((part, lane) => ({
        lane,
        architectures: allArchitectures,
        ...takeBatches(part.map((place) => batches[place] as RunBatch)),
      }))
    : byArchitectures.parts.map((part, lane) => ({ lane, architectures: part, sequences: allSequences, batches }));
}

/**
 * Shares architectures that are each fitted before they are measured, which takes longest. One that a lane has fitted
 * before stays there; the others are divided equally.
 *
 * @param laneOf the lane that has fitted an architecture; undefined: none
 */
export function shareFits(
  { architectures, sequences, batches }: SharedWork,
  lanes: number,
  laneOf: (architecture: number) => number | undefined,
): Share[] {
  const known = architectures.map((_, index) => laneOf(index));
  const unknown = [...architectures.keys()].filter((index) => known[index] === undefined);
  for (const [place, index] of unknown.entries()) known[index] = Math.floor((place * lanes) / unknown.length);
  return Array.from({ length: lanes }, (_, lane) => ({
    lane,
    architectures: [...architectures.keys()].filter((index) => known[index] === lane),
    sequences: [...sequences.keys()],
    batches,
  })).filter((share) => share.architectures.length > 0);
}

/** Shares of sequences may be this much larger than those of architectures: they keep all that is in common. */
const MOST_UNEVEN = 1.1;

interface Division {
  /** None is empty. */
  readonly parts: readonly (readonly number[])[];
  /** The largest part's share of the work, above 0 to 1. */
  readonly largest: number;
}

/** Gives each batch, the largest first, to the part that has least. */
function divideBatches(batches: SharedWork['batches'], lanes: number): Division {
  const parts = Array.from({ length: lanes }, (): { indices: number[]; work: number } => ({ indices: [], work: 0 }));
  for (const [place, { rows }] of [...batches.entries()].sort(([, a], [, b]) => b.rows - a.rows)) {
    const least = parts.reduce((a, b) => (b.work < a.work ? b : a));
    least.indices.push(place);
    least.work += rows;
  }
  return finish(parts);
}

/** These batches, with the sequences that read from them. */
function takeBatches(batches: readonly RunBatch[]): Pick<Share, 'sequences' | 'batches'> {
  const sequences = batches.flatMap(({ readers }) => readers.map(({ sequence }) => sequence)).sort((a, b) => a - b);
  const places = new Map(sequences.map((sequence, place) => [sequence, place]));
  return {
    sequences,
    batches: batches.map((batch) => ({
      ...batch,
      readers: batch.readers.map((reader) => ({ ...reader, sequence: places.get(reader.sequence) ?? 0 })),
    })),
  };
}

/** Sorts architectures so that those with a common beginning are neighbours, and cuts the list. */
function divideByBeginning(architectures: readonly Architecture[], lanes: number): Division {
  const sorted = architectures
    .map((architecture, index) => ({
      index,
      steps: listSteps(architecture)
        .filter((step) => !isDropped(step))
        .map((step) => JSON.stringify(step)),
    }))
    .sort((a, b) => compareLists(a.steps, b.steps));
  // The head counts as one more step.
  const alone = sorted.map(({ steps }) => steps.length + 1);
  const added = sorted.map(({ steps }, place) => steps.length + 1 - countCommon(sorted[place - 1]?.steps ?? [], steps));
  const share = added.reduce((sum, steps) => sum + steps, 0) / lanes;
  const parts = Array.from({ length: lanes }, (): { indices: number[]; work: number } => ({ indices: [], work: 0 }));
  let before = 0;
  for (const [place, { index }] of sorted.entries()) {
    const steps = added[place] ?? 0;
    const part = parts[Math.min(lanes - 1, Math.floor((before + steps / 2) / share))];
    if (part === undefined) continue;
    part.work += (part.indices.length === 0 ? alone[place] : steps) ?? 0;
    part.indices.push(index);
    before += steps;
  }
  return finish(parts, before);
}

function finish(
  parts: readonly { readonly indices: readonly number[]; readonly work: number }[],
  whole = parts.reduce((sum, { work }) => sum + work, 0),
): Division {
  const filled = parts.filter(({ indices }) => indices.length > 0);
  return {
    parts: filled.map(({ indices }) => indices.toSorted((a, b) => a - b)),
    largest: filled.length === 0 ? 1 : Math.max(...filled.map(({ work }) => work)) / whole,
  };
}

function countCommon(a: readonly string[], b: readonly string[]): number {
  const end = b.findIndex((step, place) => step !== a[place]);
  return end === -1 ? b.length : end;
}

function compareLists(a: readonly string[], b: readonly string[]): number {
  const place = countCommon(a, b);
  const [first = '', second = ''] = [a[place], b[place]];
  return first < second ? -1 : first > second ? 1 : 0;
}
