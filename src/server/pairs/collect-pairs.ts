import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PairSet } from '../../gen/prunecast/v1/pair.js';
import { TextPart, TrialRole } from '../../gen/prunecast/v1/study_types.js';
import type { PairSetRecords } from '../records/pair-set-records.js';
import type { StudyRecords } from '../records/study-records.js';

/** Where pairs are kept: those that studies measured, and those that were imported. */
export interface PairServices {
  readonly studies: StudyRecords;
  readonly pairSets: PairSetRecords;
}

/**
 * All pairs of a study in its recipe: its own, and those that were imported. One without a label, as of an
 * architecture whose metrics were not finite, is left out. Throws STUDY_NOT_FOUND, MEASUREMENT_MISMATCH.
 */
export async function collectPairs({ studies, pairSets }: PairServices, studyId: string): Promise<PairSet> {
  const study = await studies.get(studyId);
  const recipe = readChosenRecipe(study.plan);
  const trials = (await studies.trials(studyId, TrialRole.PAIR)).filter(
    ({ part, metrics, recipeDigest }) =>
      (recipe === undefined || recipeDigest === recipe) && part === TextPart.SEARCH && isLabelled(metrics),
  );
  const own: PairSet = {
    dimensions: readDimensions(study.plan),
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

/** The digest of the recipe that a study labels in; undefined for one of imported pairs. */
function readChosenRecipe(plan: unknown): string | undefined {
  const { recipes, chosen } = (plan ?? {}) as {
    readonly recipes?: readonly string[];
    readonly chosen?: { readonly recipe: number };
  };
  return recipes?.[chosen?.recipe ?? 0];
}

/** The names of a study's dimensions, as its plan was stored. */
export function readDimensions(plan: unknown): string[] {
  const names = plan !== null && typeof plan === 'object' && 'dimensions' in plan ? plan.dimensions : undefined;
  return Array.isArray(names) ? names.map(String) : [];
}
