import type { UnitScores } from '../model/unit-scores.js';

/** Scores of criteria, kept over restarts: a pass over a calibration text is paid once. */
export interface ScoreCache {
  /** Layer by layer; `undefined` if there are none, or the entry was damaged: it is then removed. */
  get(key: string): Promise<readonly UnitScores[] | undefined>;
  /**
   * Keeps scores as long as the limit allows: those unused for the longest time go first. Scores larger than the limit
   * are not kept.
   */
  put(key: string, scores: readonly UnitScores[]): Promise<void>;
}
