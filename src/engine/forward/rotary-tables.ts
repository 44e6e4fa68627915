import type { DynamicRopeScaling, Llama3RopeScaling, RopeConfig, YarnRopeScaling } from '../config/config.js';

/** Cosines and sines of all rotary angles, [positions, head_dim / 2] each. */
export interface RotaryTables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly positions: number;
}

/**
 * The tables for a sequence of this many tokens. They are rebuilt only for a longer sequence than any before, or if
 * their frequencies depend on the length.
 */
export function keepRotaryTables(rope: RopeConfig, headDim: number): (length: number) => RotaryTables {
  let tables: RotaryTables | undefined;
  let stretched: RotaryTables | undefined;
  return (length) => {
    if (rope.scaling?.kind === 'dynamic' && length > rope.scaling.originalMaxPositions) {
      if (stretched?.positions !== length) stretched = buildRotaryTables(rope, headDim, length);
      return stretched;
    }
    if (tables === undefined || tables.positions < length) tables = buildRotaryTables(rope, headDim, length);
    return tables;
  };
}

/** Tokens of the longest sequence whose rotary angles are those of shorter ones too. */
export function countPositionsAlike({ scaling }: RopeConfig): number {
  return scaling?.kind === 'dynamic' ? scaling.originalMaxPositions : Infinity;
}

/** The angle of position p and pair i is p times the frequency of pair i. */
function buildRotaryTables(rope: RopeConfig, headDim: number, positions: number): RotaryTables {
  const { perPosition, scale } = computeRopeFrequencies(rope, headDim, positions);
  const cos = new Float32Array(positions * perPosition.length);
  const sin = new Float32Array(positions * perPosition.length);
  for (let position = 0; position < positions; position++) {
    perPosition.forEach((frequency, pair) => {
      // transformers multiplies in float32, which shows in the angle at distant positions; so do we.
      const angle = Math.fround(position * frequency);
      cos[position * perPosition.length + pair] = Math.cos(angle) * scale;
      sin[position * perPosition.length + pair] = Math.sin(angle) * scale;
    });
  }
  return { cos, sin, positions };
}

/** What rotary tables are built from. */
export interface RopeFrequencies {
  /** Radians per position, one entry per pair of a head's values, rounded to float32 where transformers rounds. */
  readonly perPosition: readonly number[];
  /** Cosines and sines are multiplied by it. */
  readonly scale: number;
}

/**
 * The frequencies of "RoFormer" (arXiv 2104.09864), theta^(-2 i / head_dim) of pair i, scaled as the model has it.
 *
 * @param length of the sequence: `dynamic` depends on it beyond its original context
 */
export function computeRopeFrequencies(
  { theta, scaling }: RopeConfig,
  headDim: number,
  length: number,
): RopeFrequencies {
  const plain = (base: number): number[] =>
    Array.from({ length: headDim / 2 }, (_, pair) => Math.fround(base ** ((-2 * pair) / headDim)));
  switch (scaling?.kind) {
    case undefined:
      return round(plain(theta));
    case 'linear':
      return round(plain(theta).map((frequency) => frequency / scaling.factor));
    case 'dynamic':
      return round(plain(stretchTheta(theta, scaling, headDim, length)));
    case 'yarn':
      return { perPosition: blendYarn(plain(theta), theta, headDim, scaling), scale: scaling.attentionFactor };
    case 'llama3':
      return round(plain(theta).map((frequency) => scaleLlama3(frequency, scaling)));
    case 'factors':
      return round(plain(theta).map((frequency, pair) => frequency / (scaling.factors[pair] as number)));
  }
}

function round(frequencies: readonly number[]): RopeFrequencies {
  return { perPosition: frequencies.map(Math.fround), scale: 1 };
}

/** NTK-aware: the lowest frequency is stretched to the length, the highest stays. */
function stretchTheta(
  theta: number,
  { factor, originalMaxPositions }: DynamicRopeScaling,
  headDim: number,
  length: number,
): number {
  if (length <= originalMaxPositions) return theta;
  return theta * ((factor * length) / originalMaxPositions - (factor - 1)) ** (headDim / (headDim - 2));
}

/**
 * A ramp leads from kept to divided frequencies: from the pairs that turn `betaFast` times within the original context
 * to those that turn `betaSlow` times.
 */
function blendYarn(
  frequencies: readonly number[],
  theta: number,
  headDim: number,
  { factor, betaFast, betaSlow, originalMaxPositions, ramp }: YarnRopeScaling,
): number[] {
  const findPair = (turns: number): number =>
    (headDim * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [fast, slow] = [findPair(betaFast), findPair(betaSlow)];
  const from = Math.max(0, ramp === 'whole' ? Math.floor(fast) : fast);
  const found = Math.min(headDim - 1, ramp === 'whole' ? Math.ceil(slow) : slow);
  const to = found === from ? found + 0.001 : found;
  return frequencies.map((frequency, pair) => {
    const divided = Math.max(0, Math.min(1, (pair - from) / (to - from)));
    return Math.fround((frequency / factor) * divided + frequency * (1 - divided));
  });
}

/** Long wavelengths are stretched by `factor`, short ones stay, and those between are blended. */
function scaleLlama3(
  frequency: number,
  { factor, lowFrequencyFactor, highFrequencyFactor, originalMaxPositions }: Llama3RopeScaling,
): number {
  const wavelength = (2 * Math.PI) / frequency;
  if (wavelength < originalMaxPositions / highFrequencyFactor) return frequency;
  if (wavelength > originalMaxPositions / lowFrequencyFactor) return frequency / factor;
  const kept = (originalMaxPositions / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
  return (1 - kept) * (frequency / factor) + kept * frequency;
}
