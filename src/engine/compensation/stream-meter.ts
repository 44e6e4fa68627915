import type { Breathe } from '../../core/ports/compensation.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { createBreathing } from './breathing.js';

/** How far a fit on streams is. */
export interface StreamMeter {
  /** So many passes of all tokens through a half-block are over; one of them is the solving of its equations. */
  passed(passes: number): void;
  /** For the solving, which is a pass: its share tells how far it is. */
  readonly breathe: Breathe;
}

/** Of a half-block whose output map is fitted: its statistics, its equations, and the compensated pass. */
export const PASSES_TO_FIT = 3;

/** What the maps into a half-block take beside: their statistics and their equations. */
export const PASSES_TO_FIT_INPUTS = 2;

/**
 * Counts in tokens of the calibration text, once an architecture: each is done when it is through all layers. Passes are
 * taken for equally long.
 *
 * @param text.passesToFit through each half-block of an architecture
 */
export function createStreamMeter(
  layers: number,
  text: {
    readonly architectures: number;
    readonly passesToFit: number;
    readonly sequences: readonly Int32Array[];
  },
  { signal, report }: WorkContext,
): StreamMeter {
  const total = text.architectures * text.sequences.reduce((sum, { length }) => sum + length, 0);
  const passes = 2 * layers * (1 + text.passesToFit * text.architectures);
  let done = 0;
  const tell = (more: number): void =>
    report?.({
      activity: 'compensating on the stream',
      what: 'tokens',
      done: Math.round((total * (done + more)) / passes),
      total,
    });
  tell(0);
  return {
    passed(count) {
      done += count;
      tell(0);
    },
    breathe: createBreathing(signal, tell),
  };
}
