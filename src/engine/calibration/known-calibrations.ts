import type { Calibration } from './calibration.js';

/** The moments that passes over calibration texts brought: asked for again, they cost no second pass. */
export interface KnownCalibrations {
  /** undefined for sequences that no pass is known of. */
  find(key: string): Calibration | undefined;
  /** The longest unused of more than a few are given up. */
  keep(key: string, calibration: Calibration): void;
}

/** Those of SmolLM2 take 1 MB, those of a 7B model 8 MB. */
const MOST_KNOWN = 8;

export function createCalibrations(): KnownCalibrations {
  const known = new Map<string, Calibration>();
  return {
    find: (key) => known.get(key),
    keep: (key, calibration) => {
      known.delete(key);
      known.set(key, calibration);
      const [oldest] = known.keys();
      if (known.size > MOST_KNOWN && oldest !== undefined) known.delete(oldest);
    },
  };
}
