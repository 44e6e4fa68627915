import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Architecture } from '../../../src/core/model/shape.js';
import { batchSequences } from '../../../src/engine/forward/sequence-batches.js';
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

const sequencesOf = (lengths: readonly number[]) => lengths.map((length) => ({ tokens: new Int32Array(length) }));

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
        (lengths, counts, lanes) => {
          const sequences = sequencesOf(lengths);
          const architectures = counts.map(([first, second]) => architectureOf(first, second));
          const shares = shareWork({ architectures, sequences }, lanes);
          expect(countCovered(shares, counts.length, lengths.length).flat()).toEqual(
            Array.from({ length: counts.length * lengths.length }, () => 1),
          );
          expect(new Set(shares.map(({ lane }) => lane)).size).toBe(shares.length);
          const whole = batchSequences(sequences).map((batch) => batch.sequences.join());
          for (const share of shares) {
            const batches = batchSequences(sequencesOf(share.sequences.map((sequence) => lengths[sequence] ?? 0)));
            for (const batch of batches)
              expect(whole).toContain(batch.sequences.map((place) => share.sequences[place]).join());
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
        sequences: sequencesOf(Array.from({ length: 64 }, () => 128)),
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
    const shares = shareWork({ architectures, sequences: sequencesOf([128, 128]) }, 2);
    expect(shares).toEqual([
      { lane: 0, architectures: [0, 2], sequences: [0, 1] },
      { lane: 1, architectures: [1, 3], sequences: [0, 1] },
    ]);
  });

  it('divides nothing if there is one architecture on one batch', () => {
    expect(shareWork({ architectures: [architectureOf(1, 1)], sequences: sequencesOf([128]) }, 2)).toEqual([
      { lane: 0, architectures: [0], sequences: [0] },
    ]);
  });
});

describe('shareFits', () => {
  const architectures = [1, 2, 3, 4].map((channels) => architectureOf(channels, channels));
  const sequences = sequencesOf([128]);

  it('divides architectures equally', () => {
    const shares = shareFits({ architectures, sequences }, 2, () => undefined);
    expect(shares.map((share) => share.architectures)).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('gives one that a lane has fitted before to that lane again', () => {
    const shares = shareFits({ architectures, sequences }, 2, (index) => (index === 0 ? 1 : undefined));
    expect(shares.map((share) => share.architectures)).toEqual([
      [1, 2],
      [0, 3],
    ]);
  });
});
