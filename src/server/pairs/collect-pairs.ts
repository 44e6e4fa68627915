import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PairSet } from '../../gen/prunecast/v1/pair.js';
import { TextPart, TrialRole } from '../../gen/prunecast/v1/study_types.js';
import { readStudy } from '../records/read-study.js';
import type { PairSetRecords } from '../records/pair-set-records.js';
import type { StudyRecords } from '../records/study-records.js';

/** Where pairs are kept: measured ones with their studies, and imported ones. */
export interface PairServices {
  readonly studies: StudyRecords;
  readonly pairSets: PairSetRecords;
}

/**
 * All pairs of a study under its recipe, measured and imported. A pair without a label is left out, for example one
 * whose metrics were not finite. Throws STUDY_NOT_FOUND, MEASUREMENT_MISMATCH.
 */
export async function collectPairs({ studies, pairSets }: PairServices, studyId: string): Promise<PairSet> {
  const study = await studies.get(studyId);
  const { dimensions, recipes, progress } = readStudy(study);
  const recipe = recipes[progress?.chosen.recipe ?? 0];
  const trials = (await studies.trials(studyId, TrialRole.PAIR)).filter(
    ({ part, metrics, recipeDigest }) =>
      (recipe === undefined || recipeDigest === recipe) && part === TextPart.SEARCH && isLabelled(metrics),
  );
  const own: PairSet = {
    dimensions: [...dimensions],
    model: study.model,
    checkpointDigest: study.checkpointDigest,
    measurementFingerprint: trials[0]?.measurementFingerprint ?? '',
    fidelityDigest: trials[0]?.fidelityDigest ?? '',
    pairs: trials.map(({ rates, metrics, recipeDigest }) => ({ rates, metrics, recipeDigest })),
  };
  const [first, ...others] = [...(trials.length === 0 ? [] : [own]), ...(await pairSets.ofStudy(studyId))];
  if (first === undefined) return own;
  return others.reduce(mergeSets, first);
}

/** Trials of earlier versions may have metrics that are not finite. */
function isLabelled(metrics: Readonly<Record<string, number>>): boolean {
  const values = Object.values(metrics);
  return values.length > 0 && values.every(Number.isFinite);
}

function mergeSets(a: PairSet, b: PairSet): PairSet {
  if (
    a.measurementFingerprint !== b.measurementFingerprint ||
    a.fidelityDigest !== b.fidelityDigest ||
    a.checkpointDigest !== b.checkpointDigest
  ) {
    throw new PrunecastError(
      'MEASUREMENT_MISMATCH',
      'the pairs were measured differently: their checkpoint, measurement and fidelity must be the same',
      {
        metadata: { first: a.measurementFingerprint, other: b.measurementFingerprint },
      },
    );
  }
  return { ...a, pairs: [...a.pairs, ...b.pairs] };
}
