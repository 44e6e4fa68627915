import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Measurement, Fidelity } from '../../core/measurement.js';
import type { StudyPhase } from '../../gen/prunecast/v1/study_types.js';
import type { CompensationMode } from '../../search/study/trial.js';
import { digestOf } from '../../engine/files/digest.js';
import { measurementFingerprint } from '../encoding/measurement.js';
import type { StudyRecord } from './study-records.js';
import { PLAN_VERSION, type PlanHead, type PlannedWindows } from '../requests/plan-document.js';
import type { SearchPlan } from '../requests/plan-search.js';

const STUDY_KINDS = ['search', 'sample', 'imported'] as const satisfies readonly PlanHead['kind'][];

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
  readonly windows?: { readonly measurement: Measurement; readonly fidelity: EarlierFidelity };
  readonly recipes?: readonly string[];
}

interface EarlierFidelity extends Omit<Fidelity, 'items'> {
  readonly windowStarts: readonly number[];
}

/** Reads the plan and the progress of a study. Throws STATE_DAMAGED. */
export function readStudy({ id, plan, progress }: Pick<StudyRecord, 'id' | 'plan' | 'progress'>): StudyFacts {
  if (plan === undefined) return readEarlier((progress ?? {}) as EarlierProgress);
  const known = readPlan(id, plan);
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

/** A stored plan, if it is of a version and a kind that this server knows. */
function readPlan(studyId: string, plan: unknown): SearchPlan | ImportedPlan {
  const { schemaVersion, kind } = (plan ?? {}) as Partial<Record<keyof PlanHead, unknown>>;
  if (schemaVersion === PLAN_VERSION && STUDY_KINDS.some((known) => known === kind))
    return plan as SearchPlan | ImportedPlan;
  const metadata = { stored: `the plan of ${studyId}` };
  if (typeof schemaVersion === 'number' && schemaVersion > PLAN_VERSION)
    throw new PrunecastError(
      'STATE_DAMAGED',
      `the plan of ${studyId} was stored by a newer server (version ${schemaVersion}; this one knows ${PLAN_VERSION}): use that server, or delete the study`,
      { metadata },
    );
  throw new PrunecastError(
    'STATE_DAMAGED',
    `the plan of ${studyId} in the state folder is not the plan of a study: restore the folder from a backup, or delete the study`,
    { metadata },
  );
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
              digest: digestOf(windows.fidelity),
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
