import type { Calibration } from './calibration.js';

/** The moments found by passes over calibration texts, so that asking for them again needs no second pass. */
export interface KnownCalibrations {
  /** undefined: no pass over these sequences is known. */
  find(key: string): Calibration | undefined;
  /** Only a few are kept; the least recently used one is dropped first. */
  keep(key: string, calibration: Calibration): void;
}

/** Most calibrations that are kept. The moments of SmolLM2 take 1 MB, those of a 7B model 8 MB. */
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
