import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { EvaluationText } from '../../core/ports/evaluator.js';
import { DEFAULT_CALIBRATION } from './defaults.js';

export interface CalibrationProtocol {
  /** undefined: the default, or as many as the text has. */
  readonly sequences: number | undefined;
  /** The default, or as many as the text has; that of recipes if omitted. */
  readonly defaultSequences?: number;
  readonly sequenceTokens: number;
  readonly bos: boolean;
  /** Half-open range of the text, as shares. */
  readonly part: { readonly from: number; readonly to: number };
}

export interface CalibrationSequences {
  readonly sequences: readonly Int32Array[];
  /** Of the text that they come from. */
  readonly textDigest: string;
  /** Position of each sequence's first text token. */
  readonly starts: readonly number[];
  /** Text tokens per sequence: one less than its length if it has BOS. */
  readonly textTokens: number;
}

/**
 * Sequences spread evenly over a part of a text, without the first one.
 *
 * @param field the text's path in the request
 * @throws PrunecastError TEXT_TOO_SHORT
 */
export function pickCalibrationSequences(
  text: EvaluationText,
  protocol: CalibrationProtocol,
  field: string,
): CalibrationSequences {
  const { sequenceTokens, bos, part } = protocol;
  const textTokens = sequenceTokens - (bos ? 1 : 0);
  const first = Math.ceil((text.tokens.length * part.from) / textTokens);
  const available = Math.floor((text.tokens.length * part.to) / textTokens) - first - 1;
  const asked =
    protocol.sequences ?? Math.min(protocol.defaultSequences ?? DEFAULT_CALIBRATION.sequences, Math.max(1, available));
  if (available < asked) {
    throw new PrunecastError(
      'TEXT_TOO_SHORT',
      `${field}: ${asked} calibration sequences of ${sequenceTokens} tokens, never the first, need ${(asked + 1) * textTokens} tokens; this part of the text has ${Math.floor(text.tokens.length * (part.to - part.from))}: send a longer text or ask for fewer sequences`,
      {
        metadata: {
          needed: String((asked + 1) * textTokens),
          available: String(Math.floor(text.tokens.length * (part.to - part.from))),
        },
        violations: [{ field, description: 'the text is too short for the calibration' }],
      },
    );
  }
  const starts = Array.from(
    { length: asked },
    (_, i) => (first + 1 + Math.floor(((i + 0.5) * available) / asked)) * textTokens,
  );
  return {
    starts,
    textTokens,
    textDigest: text.digest,
    sequences: starts.map((start) => cutSequence(text, start, sequenceTokens, bos)),
  };
}

/** The tokens of a text that has so many sequences in this part, never the first one. */
export function countCalibrationText({
  sequences = DEFAULT_CALIBRATION.sequences,
  sequenceTokens,
  part,
}: Omit<CalibrationProtocol, 'bos'>): number {
  return ((sequences + 2) * sequenceTokens) / (part.to - part.from);
}

function cutSequence(text: EvaluationText, start: number, sequenceTokens: number, bos: boolean): Int32Array {
  if (!bos) return text.tokens.subarray(start, start + sequenceTokens);
  const sequence = new Int32Array(sequenceTokens);
  sequence[0] = text.bosToken ?? 0;
  sequence.set(text.tokens.subarray(start, start + sequenceTokens - 1), 1);
  return sequence;
}
