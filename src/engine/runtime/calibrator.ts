import { identityRanking } from '../../core/model/units.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { needsStatistics, type Calibration, type CalibrationNeed } from '../calibration/calibration.js';
import { digestBytes, digestOf } from '../files/digest.js';
import { collectStatistics } from '../forward/collect-statistics.js';
import type { WeightSource } from '../weights/layer-weights.js';
import { createRankedWeights } from '../weights/ranked-weights.js';
import type { ModelMemory } from './model-memory.js';

/** Passes of the dense model over calibration sequences; each is made once as long as its results are kept. */
export interface Calibrator {
  calibrate(
    sequences: readonly Int32Array[],
    needs: readonly CalibrationNeed[],
    work: WorkContext,
  ): Promise<Calibration>;
  /** Repeats the pass if the Gram matrices of this calibration have been dropped since. */
  restoreGrams(calibration: Calibration | undefined, work: WorkContext): Promise<void>;
}

export function createCalibrator(source: WeightSource, memory: ModelMemory): Calibrator {
  const { shape } = source.config;
  const { grams, sessions, store, multiplyTransposed } = memory;
  const known = createCalibrations();

  /** One pass over the sequences: the moments, and the Gram matrices under `gramKey` if it is given. */
  const collect = async (
    sequences: readonly Int32Array[],
    gramKey: string | undefined,
    work: WorkContext,
  ): Promise<Calibration> => {
    const workload =
      gramKey === undefined
        ? { needs: ['activations'] as const }
        : { needs: ['gram'] as const, gramBytes: grams.bytesWith(gramKey) };
    const context = {
      ...(await memory.startCall(sequences, workload)),
      shape,
      sessions,
      weights: createRankedWeights(source, store, { key: 'own', ranking: identityRanking(shape.layers) }),
      multiplyTransposed,
    };
    if (gramKey === undefined) return collectStatistics(context, sequences, work);
    grams.open(gramKey);
    try {
      return await collectStatistics(
        { ...context, addGram: (place, share, factor) => grams.add(gramKey, place, share, factor) },
        sequences,
        work,
      );
    } catch (error) {
      grams.discard(gramKey);
      throw error;
    }
  };

  return {
    calibrate: async (sequences, needs, work) => {
      const key = keySequences(sequences);
      const asked = {
        ...(needs.includes('gradients') ? { gradientSequences: sequences } : {}),
        ...(needs.includes('gram') || needs.includes('sequences') ? { gramKey: key, gramSequences: sequences } : {}),
      };
      if (!needsStatistics(needs)) return { ...countSequences(sequences), layers: [], ...asked };
      const ready = needs.includes('gram') && !grams.has(key) ? undefined : known.find(key);
      const calibration = ready ?? (await collect(sequences, needs.includes('gram') ? key : undefined, work));
      known.keep(key, calibration);
      return { ...calibration, ...asked };
    },
    restoreGrams: async (calibration, work) => {
      const { gramKey, gramSequences } = calibration ?? {};
      if (gramKey !== undefined && gramSequences !== undefined && !grams.has(gramKey))
        await collect(gramSequences, gramKey, asCalibrating(work));
    },
  };
}

/** A pass that another work needs tells what it is. */
function asCalibrating({ signal, report }: WorkContext): WorkContext {
  return { signal, report: (progress) => report?.({ activity: 'calibrating', ...progress }) };
}

/** A key for calibration sequences: equal sequences have equal keys. */
function keySequences(sequences: readonly Int32Array[]): string {
  return digestOf(sequences.map(digestBytes));
}

function countSequences(sequences: readonly Int32Array[]): { readonly sequences: number; readonly tokens: number } {
  return { sequences: sequences.length, tokens: sequences.reduce((sum, { length }) => sum + length, 0) };
}

/** The moments found by passes over calibration texts, so that asking for them again needs no second pass. */
interface KnownCalibrations {
  /** undefined: no pass over these sequences is known. */
  find(key: string): Calibration | undefined;
  /** Only a few are kept; the least recently used one is dropped first. */
  keep(key: string, calibration: Calibration): void;
}

/** Most calibrations that are kept. The moments of SmolLM2 take 1 MB, those of a 7B model 8 MB. */
const MOST_KNOWN = 8;

function createCalibrations(): KnownCalibrations {
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
