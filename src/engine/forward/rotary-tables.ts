import type { Llama3RopeScaling, RopeConfig } from '../checkpoint/config.js';

/** Cosines and sines of all rotary angles, [positions, head_dim / 2] each. */
export interface RotaryTables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly positions: number;
}

/** The tables of at least so many positions; built again only where more are asked for than ever before. */
export function keepRotaryTables(rope: RopeConfig, headDim: number): (positions: number) => RotaryTables {
  let tables: RotaryTables | undefined;
  return (positions) => {
    if (tables === undefined || tables.positions < positions) tables = buildRotaryTables(rope, headDim, positions);
    return tables;
  };
}

/** The tables of "RoFormer" (arXiv 2104.09864): the angle of position p and pair i is p * theta^(-2 i / head_dim). */
function buildRotaryTables(rope: RopeConfig, headDim: number, positions: number): RotaryTables {
  const frequencies = inverseFrequencies(rope, headDim);
  const cos = new Float32Array(positions * frequencies.length);
  const sin = new Float32Array(positions * frequencies.length);
  for (let position = 0; position < positions; position++) {
    frequencies.forEach((frequency, pair) => {
      // transformers multiplies in float32, which shows in the angle at far positions; so do we.
      const angle = Math.fround(position * frequency);
      cos[position * frequencies.length + pair] = Math.cos(angle);
      sin[position * frequencies.length + pair] = Math.sin(angle);
    });
  }
  return { cos, sin, positions };
}

function inverseFrequencies({ theta, scaling }: RopeConfig, headDim: number): number[] {
  return Array.from({ length: headDim / 2 }, (_, pair) => {
    const frequency = Math.fround(theta ** ((-2 * pair) / headDim));
    return scaling === undefined ? frequency : Math.fround(scaleFrequency(frequency, scaling));
  });
}

/** Long wavelengths are stretched by `factor`, short ones stay, and those between are blended. */
function scaleFrequency(frequency: number, scaling: Llama3RopeScaling): number {
  const { factor, lowFrequencyFactor, highFrequencyFactor, originalMaxPositions } = scaling;
  const wavelength = (2 * Math.PI) / frequency;
  if (wavelength < originalMaxPositions / highFrequencyFactor) return frequency;
  if (wavelength > originalMaxPositions / lowFrequencyFactor) return frequency / factor;
  const kept = (originalMaxPositions / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
  return (1 - kept) * (frequency / factor) + kept * frequency;
}
