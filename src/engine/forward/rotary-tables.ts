import type { RopeConfig } from '../config/config.js';
import { computeRopeFrequencies } from './rope-frequencies.js';

/** Cosines and sines of all rotary angles, [positions, head_dim / 2] each. */
export interface RotaryTables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly positions: number;
}

/** The tables for a sequence of so many tokens; built again only where more are asked for than ever before, or their frequencies depend on the length. */
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

/** The angle of position p and pair i is p times the frequency of i. */
function buildRotaryTables(rope: RopeConfig, headDim: number, positions: number): RotaryTables {
  const { perPosition, scale } = computeRopeFrequencies(rope, headDim, positions);
  const cos = new Float32Array(positions * perPosition.length);
  const sin = new Float32Array(positions * perPosition.length);
  for (let position = 0; position < positions; position++) {
    perPosition.forEach((frequency, pair) => {
      // transformers multiplies in float32, which shows in the angle at far positions; so do we.
      const angle = Math.fround(position * frequency);
      cos[position * perPosition.length + pair] = Math.cos(angle) * scale;
      sin[position * perPosition.length + pair] = Math.sin(angle) * scale;
    });
  }
  return { cos, sin, positions };
}
