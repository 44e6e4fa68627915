import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Architecture } from '../../../src/core/model/shape.js';
import { batchWindows } from '../../../src/engine/forward/window-batches.js';
import { shareFits, shareLosses } from '../../../src/engine/lanes/share-losses.js';

/** The sum of shares in each place of a table of architectures by windows. */
function countCovered(shares: ReturnType<typeof shareLosses>, architectures: number, windows: number): number[][] {
  const table = Array.from({ length: architectures }, () => Array.from({ length: windows }, () => 0));
  for (const share of shares)
    for (const architecture of share.architectures)
      for (const window of share.windows) {
        const row = table[architecture] ?? [];
        row[window] = (row[window] ?? 0) + 1;
      }
  return table;
}

const windowsOf = (lengths: readonly number[]) => lengths.map((length) => ({ tokens: new Int32Array(length) }));

/** A model of two layers, of which the first is given. */
const architectureOf = (first: number, second: number): Architecture =>
  [first, second].map((ffnChannels) => ({ kvHeads: 1, queryHeadsPerKv: 1, ffnChannels }));

describe('shareLosses', () => {
  it('gives every architecture on every window to one lane, in batches as they are without lanes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(100, 128, 512, 3000), { minLength: 1, maxLength: 60 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.integer({ min: 1, max: 4 }),
        (lengths, counts, lanes) => {
          const windows = windowsOf(lengths);
          const architectures = counts.map(([first, second]) => architectureOf(first, second));
          const shares = shareLosses({ architectures, windows }, lanes);
          expect(countCovered(shares, counts.length, lengths.length).flat()).toEqual(
            Array.from({ length: counts.length * lengths.length }, () => 1),
          );
          expect(new Set(shares.map(({ lane }) => lane)).size).toBe(shares.length);
          const whole = batchWindows(windows).map((batch) => batch.windows.join());
          for (const share of shares) {
            const batches = batchWindows(windowsOf(share.windows.map((window) => lengths[window] ?? 0)));
            for (const batch of batches)
              expect(whole).toContain(batch.windows.map((place) => share.windows[place]).join());
          }
        },
      ),
    );
  });

  it('divides the windows by whole batches, and leaves each lane all architectures', () => {
    // Batches of 16 windows of 128 tokens: 64 windows make four.
    const shares = shareLosses(
      {
        architectures: [architectureOf(1, 1), architectureOf(1, 2)],
        windows: windowsOf(Array.from({ length: 64 }, () => 128)),
      },
      2,
    );
    expect(shares.map(({ architectures, windows }) => [architectures.length, windows.length])).toEqual([
      [2, 32],
      [2, 32],
    ]);
  });

  it('divides the architectures if there is a single batch, and keeps those together that begin alike', () => {
    const architectures = [architectureOf(1, 1), architectureOf(2, 1), architectureOf(1, 2), architectureOf(2, 2)];
    const shares = shareLosses({ architectures, windows: windowsOf([128, 128]) }, 2);
    expect(shares).toEqual([
      { lane: 0, architectures: [0, 2], windows: [0, 1] },
      { lane: 1, architectures: [1, 3], windows: [0, 1] },
    ]);
  });

  it('divides nothing if there is one architecture on one batch', () => {
    expect(shareLosses({ architectures: [architectureOf(1, 1)], windows: windowsOf([128]) }, 2)).toEqual([
      { lane: 0, architectures: [0], windows: [0] },
    ]);
  });
});

describe('shareFits', () => {
  const architectures = [1, 2, 3, 4].map((channels) => architectureOf(channels, channels));
  const windows = windowsOf([128]);

  it('divides architectures equally', () => {
    const shares = shareFits({ architectures, windows }, 2, () => undefined);
    expect(shares.map((share) => share.architectures)).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('gives one that a lane has fitted before to that lane again', () => {
    const shares = shareFits({ architectures, windows }, 2, (index) => (index === 0 ? 1 : undefined));
    expect(shares.map((share) => share.architectures)).toEqual([
      [1, 2],
      [0, 3],
    ]);
  });
});
