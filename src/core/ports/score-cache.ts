import type { UnitScores } from '../model/unit-scores.js';

/** Scores of criteria, kept over restarts: a pass over a calibration text is paid once. */
export interface ScoreCache {
  /** Layer by layer; undefined if there are none, or if the entry was damaged: it is then removed. */
  get(key: string): Promise<readonly UnitScores[] | undefined>;
  /**
   * Keeps scores as long as the limit allows; the longest unused ones go first. More than the limit is not kept at all.
   */
  put(key: string, scores: readonly UnitScores[]): Promise<void>;
}
