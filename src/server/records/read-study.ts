import type { Measurement, Fidelity } from '../../core/measurement.js';
import type { StudyPhase } from '../../gen/prunecast/v1/study_types.js';
import type { CompensationMode } from '../../search/study/trial.js';
import { fidelityDigest, measurementFingerprint } from '../encoding/measurement.js';
import type { StudyRecord } from './study-records.js';
import type { PlannedWindows } from '../requests/plan-document.js';
import type { SearchPlan } from '../requests/plan-search.js';

/** The state of a study, as `openStudyLog` stores it. */
export interface StudyProgress {
  /** Dimensions of the space as it is now, as JSON of the API. */
  readonly space: readonly unknown[];
  readonly phase: StudyPhase;
  /** Run to rank the units. */
  readonly calibrationTokens: number;
  /** The recipe of pairs and finalists, and how finalists are compensated. */
  readonly chosen: { readonly recipe: number; readonly compensation: CompensationMode };
}

/** The plan of a study of imported pairs. */
export interface ImportedPlan {
  readonly schemaVersion: number;
  readonly kind: 'imported';
  readonly dimensions: readonly string[];
  /** Digests. */
  readonly recipes: readonly string[];
}

/** What is known of a stored study, whichever version stored it. */
export interface StudyFacts {
  /** 0 for a study of an earlier version, which stored no plan. */
  readonly planVersion: number;
  /** undefined for a study of an earlier version, and for one of imported pairs. */
  readonly plan: SearchPlan | undefined;
  readonly dimensions: readonly string[];
  /** Digests of the recipes that are compared, or of those of imported pairs. */
  readonly recipes: readonly string[];
  /** What pairs are measured on; undefined for imported ones. */
  readonly search: PlannedWindows | undefined;
  /** undefined for a study of imported pairs. */
  readonly progress: StudyProgress | undefined;
}

/** What earlier versions kept in place of a plan, with the study's progress. */
export interface EarlierProgress extends Partial<StudyProgress> {
  readonly dimensions?: readonly string[];
  readonly windows?: { readonly measurement: Measurement; readonly fidelity: Fidelity };
  readonly recipes?: readonly string[];
}

/** Reads the plan and the progress of a study. */
export function readStudy({ plan, progress }: Pick<StudyRecord, 'plan' | 'progress'>): StudyFacts {
  if (plan === undefined) return readEarlier((progress ?? {}) as EarlierProgress);
  const known = plan as SearchPlan | ImportedPlan;
  const base = { planVersion: known.schemaVersion, progress: (progress ?? undefined) as StudyProgress | undefined };
  if (known.kind === 'imported')
    return { ...base, plan: undefined, dimensions: known.dimensions, recipes: known.recipes, search: undefined };
  return {
    ...base,
    plan: known,
    dimensions: known.study.space.dimensions.map(({ name }) => name),
    recipes: known.recipes.compared.map(({ oneShot }) => oneShot.digest),
    search: known.windows.search,
  };
}

function readEarlier(earlier: EarlierProgress): StudyFacts {
  const { dimensions = [], recipes = [], windows, space, phase, calibrationTokens = 0, chosen } = earlier;
  return {
    planVersion: 0,
    plan: undefined,
    dimensions: dimensions.map(String),
    recipes: recipes.map(String),
    search:
      windows === undefined
        ? undefined
        : {
            measurement: windows.measurement,
            fingerprint: measurementFingerprint(windows.measurement),
            fidelity: {
              tokens: windows.fidelity.tokens,
              windows: windows.fidelity.windowStarts.length,
              precision: windows.fidelity.precision,
              digest: fidelityDigest(windows.fidelity),
            },
          },
    progress:
      phase === undefined
        ? undefined
        : {
            space: space ?? [],
            phase,
            calibrationTokens,
            chosen: chosen ?? { recipe: 0, compensation: 'one-shot' },
          },
  };
}
