import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Architecture } from '../../../src/core/model/shape.js';
import { planRuns } from '../../../src/core/run-batches.js';
import { scoreFrom } from '../../../src/core/sequence.js';
import { shareFits, shareWork } from '../../../src/engine/lanes/share-work.js';

/** The sum of shares in each place of a table of architectures by sequences. */
function countCovered(shares: ReturnType<typeof shareWork>, architectures: number, sequences: number): number[][] {
  const table = Array.from({ length: architectures }, () => Array.from({ length: sequences }, () => 0));
  for (const share of shares)
    for (const architecture of share.architectures)
      for (const sequence of share.sequences) {
        const row = table[architecture] ?? [];
        row[sequence] = (row[sequence] ?? 0) + 1;
      }
  return table;
}

/** Sequences of these lengths; those of one beginning share a prefix, if it is long enough. */
function batchLengths(lengths: readonly number[], beginnings = lengths.map((_, index) => index)) {
  const sequences = lengths.map((length, index) =>
    scoreFrom(Int32Array.from({ length }, (_, at) => (at < 100 ? beginnings[index] : index) ?? 0)),
  );
  return { sequences, batches: planRuns(sequences) };
}

/** A model of two layers, of which the first is given. */
const architectureOf = (first: number, second: number): Architecture =>
  [first, second].map((ffnChannels) => ({ kvHeads: 1, queryHeadsPerKv: 1, ffnChannels }));

describe('shareWork', () => {
  it('gives every architecture on every sequence to one lane, in batches as they are without lanes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(100, 128, 512, 3000), { minLength: 1, maxLength: 60 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 60 }),
        (lengths, counts, lanes, kinds) => {
          const { sequences, batches } = batchLengths(
            lengths,
            lengths.map((_, index) => index % kinds),
          );
          const architectures = counts.map(([first, second]) => architectureOf(first, second));
          const shares = shareWork({ architectures, sequences, batches }, lanes);
          expect(countCovered(shares, counts.length, lengths.length).flat()).toEqual(
            Array.from({ length: counts.length * lengths.length }, () => 1),
          );
          expect(new Set(shares.map(({ lane }) => lane)).size).toBe(shares.length);
          for (const share of shares)
            for (const batch of share.batches) {
              const readers = batch.readers.map((reader) => ({
                ...reader,
                sequence: share.sequences[reader.sequence] ?? -1,
              }));
              expect(batches).toContainEqual({ ...batch, readers });
            }
        },
      ),
    );
  });

  it('divides the sequences by whole batches, and leaves each lane all architectures', () => {
    // Batches of 16 sequences of 128 tokens: 64 sequences make four.
    const shares = shareWork(
      {
        architectures: [architectureOf(1, 1), architectureOf(1, 2)],
        ...batchLengths(Array.from({ length: 64 }, () => 128)),
      },
      2,
    );
    expect(shares.map(({ architectures, sequences }) => [architectures.length, sequences.length])).toEqual([
      [2, 32],
      [2, 32],
    ]);
  });

  it('divides the architectures if there is a single batch, and keeps those together that begin alike', () => {
    const architectures = [architectureOf(1, 1), architectureOf(2, 1), architectureOf(1, 2), architectureOf(2, 2)];
    const shares = shareWork({ architectures, ...batchLengths([128, 128]) }, 2);
    expect(shares).toMatchObject([
      { lane: 0, architectures: [0, 2], sequences: [0, 1] },
      { lane: 1, architectures: [1, 3], sequences: [0, 1] },
    ]);
  });

  it('divides nothing if there is one architecture on one batch', () => {
    expect(shareWork({ architectures: [architectureOf(1, 1)], ...batchLengths([128]) }, 2)).toMatchObject([
      { lane: 0, architectures: [0], sequences: [0] },
    ]);
  });
});

describe('shareFits', () => {
  const architectures = [1, 2, 3, 4].map((channels) => architectureOf(channels, channels));
  const work = { architectures, ...batchLengths([128]) };

  it('divides architectures equally', () => {
    const shares = shareFits(work, 2, () => undefined);
    expect(shares.map((share) => share.architectures)).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('gives one that a lane has fitted before to that lane again', () => {
    const shares = shareFits(work, 2, (index) => (index === 0 ? 1 : undefined));
    expect(shares.map((share) => share.architectures)).toEqual([
      [1, 2],
      [0, 3],
    ]);
  });
});
