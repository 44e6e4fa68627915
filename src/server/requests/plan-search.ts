import { describeFidelity } from '../../core/measurement.js';
import type { SearchSpaceOptions } from '../../core/space/create-search-space.js';
import type { DimensionRange } from '../../core/space/narrow-space.js';
import type { Dimension, SearchSpace } from '../../core/space/search-space.js';
import type { EvaluationPlan } from '../../core/ports/evaluator.js';
import { PredictorFeatures } from '../../gen/prunecast/v1/predictor_types.js';
import type { SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import { LAST_PHASES, type StudyPhase, type StudyPlan } from '../../search/study/plan.js';
import { DEFAULT_PLUGINS } from './defaults.js';
import {
  PLAN_VERSION,
  planModel,
  planPlugin,
  planRecipe,
  toPlain,
  type PlanHead,
  type PlannedExporters,
  type PlannedModel,
  type PlannedPlugin,
  type PlannedRecipe,
  type PlannedWindows,
} from './plan-document.js';
import { listCompared } from './plugin-lookup.js';
import type { FurtherMeasurement, ResolvedSample, ResolvedSearch, StudyRecipes } from './resolve-search.js';
import { planRecovery, type PlannedRecovery } from './resolve-recovery.js';
import type { RequestServices } from './services.js';

/** What a Search or SamplePairs request resolved to. */
export interface SearchPlan extends PlanHead, PlannedExporters {
  readonly kind: 'search' | 'sample';
  readonly model: PlannedModel;
  readonly evaluator: PlannedPlugin;
  readonly recipes: {
    readonly compared: readonly { readonly oneShot: PlannedRecipe; readonly stream: PlannedRecipe | null }[];
    readonly paper: PlannedRecipe | null;
  };
  /** Measures calibration errors if a recipe's own compensation does not report them. */
  readonly errorCompensation: PlannedPlugin;
  readonly windows: {
    readonly search: PlannedWindows;
    /** One per rung; none for a sample. */
    readonly verify: readonly PlannedWindows[];
    /** null for a sample. */
    readonly report: PlannedWindows | null;
  };
  /** The further measurements; left out if there are none. */
  readonly further?: readonly {
    readonly name: string;
    readonly evaluator: PlannedPlugin;
    readonly windows: {
      readonly search: PlannedWindows;
      readonly verify: readonly PlannedWindows[];
      readonly report: PlannedWindows | null;
    };
  }[];
  /** All that decides the study's steps. */
  readonly study: PlannedStudy;
  /** The phases after the last round; undefined for a sample. An earlier version had others, in another order. */
  readonly lastPhases?: readonly StudyPhase[];
  /** What space and objectives were made from; needed for other budgets. */
  readonly asked: {
    readonly space: SearchSpaceOptions;
    /** The exporters whose limits it keeps; left out if there are none. */
    readonly targets?: readonly PlannedPlugin[];
    readonly ranges: readonly DimensionRange[];
    readonly objectives: readonly { readonly metric: string; readonly weight?: number; readonly limit?: number }[];
  };
  /** null for a sample, like the fields below. */
  readonly predictor: (PlannedPlugin & { readonly among: readonly PlannedPlugin[] }) | null;
  readonly features: 'rates' | 'rates_and_errors' | null;
  readonly strategy: (PlannedPlugin & { readonly named: boolean }) | null;
  /** Left out if the winner is not trained. */
  readonly recovery?: PlannedRecovery;
}

/** A `StudyPlan` that holds the counts of its space as runs: a channel dimension may have tens of thousands. */
export type PlannedStudy = Omit<StudyPlan, 'space'> & { readonly space: PlannedSpace };

export interface PlannedSpace {
  readonly shape: SearchSpace['shape'];
  readonly dimensions: readonly (Omit<Dimension, 'counts'> & { readonly counts: readonly CountRun[] })[];
}

/** Counts from the first to the last at equal steps. */
export type CountRun = readonly [first: number, last: number, step: number];

/** The plan of a Search request. */
export function planSearch(
  services: PlanServices,
  request: SearchRequest,
  resolved: ResolvedSearch,
  exporters: PlannedExporters,
): SearchPlan {
  const { windows, predictor, features, strategy, recovery } = resolved;
  return toPlain<SearchPlan>({
    ...planSampled(services, request, resolved),
    kind: 'search',
    lastPhases: LAST_PHASES,
    windows: {
      search: planPart(services, windows.search),
      verify: windows.verify.map((plan) => planPart(services, plan)),
      report: planPart(services, windows.report),
    },
    predictor: { ...planPlugin(predictor), among: listCompared(services.plugins, predictor).map(planPlugin) },
    features: features === PredictorFeatures.RATES_AND_ERRORS ? 'rates_and_errors' : 'rates',
    strategy: { ...planPlugin(strategy), named: (request.strategy?.id ?? '') !== '' },
    ...exporters,
    ...(recovery === undefined ? {} : { recovery: planRecovery(recovery) }),
  });
}

/** The plan of a SamplePairs request. */
export function planSample(services: PlanServices, request: SearchRequest, resolved: ResolvedSample): SearchPlan {
  return toPlain(planSampled(services, request, resolved));
}

/** What planning needs besides the request. */
export type PlanServices = Pick<RequestServices, 'digestOf' | 'plugins' | 'model'>;

function planSampled(services: PlanServices, request: SearchRequest, resolved: ResolvedSample): SearchPlan {
  const { evaluator, windows, further, recipes, plan } = resolved;
  return {
    schemaVersion: PLAN_VERSION,
    kind: 'sample',
    model: planModel(services.model),
    evaluator: planPlugin(evaluator),
    recipes: planRecipes(recipes),
    errorCompensation: planPlugin(
      services.plugins.resolve('compensation', undefined, DEFAULT_PLUGINS.errorCompensation, 'recipe.compensation'),
    ),
    windows: { search: planPart(services, windows.search), verify: [], report: null },
    ...(further.length === 0 ? {} : { further: further.map((own) => planFurtherWindows(services, own)) }),
    study: writeStudyPlan(plan),
    asked: {
      space: resolved.space,
      ...(resolved.targets.planned.length === 0 ? {} : { targets: resolved.targets.planned }),
      ranges: request.space?.ranges ?? [],
      objectives: request.objectives.map(({ metric, weight, limit }) => ({
        metric,
        ...(weight === undefined ? {} : { weight }),
        ...(limit === undefined ? {} : { limit }),
      })),
    },
    predictor: null,
    features: null,
    strategy: null,
    exporter: null,
  };
}

function planFurtherWindows(services: PlanServices, { name, evaluator, windows }: FurtherMeasurement) {
  return {
    name,
    evaluator: planPlugin(evaluator),
    windows: {
      search: planPart(services, windows.search),
      verify: (windows.verify ?? []).map((plan) => planPart(services, plan)),
      report: windows.report === undefined ? null : planPart(services, windows.report),
    },
  };
}

function planRecipes({ compared, paper }: StudyRecipes): SearchPlan['recipes'] {
  return {
    compared: compared.map(({ oneShot, stream }) => ({
      oneShot: planRecipe(oneShot),
      stream: stream === undefined ? null : planRecipe(stream),
    })),
    paper: paper === undefined ? null : planRecipe(paper),
  };
}

/** The windows of a part, with the digests that labels are stored under. */
export function planPart(
  { digestOf }: Pick<RequestServices, 'digestOf'>,
  { measurement, fidelity }: EvaluationPlan,
): PlannedWindows {
  return {
    // What a text depends on comes before its digest, so that the cause of a difference is named first.
    measurement: { ...leading(measurement), ...measurement },
    fingerprint: digestOf(measurement),
    fidelity: {
      tokens: fidelity.tokens,
      windows: fidelity.items.length,
      precision: fidelity.precision,
      digest: digestOf(describeFidelity(fidelity)),
    },
  };
}

function leading({ tokenizerDigest, bosToken }: EvaluationPlan['measurement']) {
  return { tokenizerDigest, bosToken };
}

/** A study's plan as a plain value. */
export function writeStudyPlan({ space, ...plan }: StudyPlan): PlannedStudy {
  return { ...plan, space: writeSpace(space) };
}

export function writeSpace({ shape, dimensions }: SearchSpace): PlannedSpace {
  return {
    shape,
    dimensions: dimensions.map(({ counts, ...dimension }) => ({ ...dimension, counts: toRuns(counts) })),
  };
}

/** The plan that `writeStudyPlan` wrote. */
export function readStudyPlan({ space: { shape, dimensions }, ...plan }: PlannedStudy): StudyPlan {
  return {
    ...plan,
    refinement: plan.refinement ?? undefined,
    curve: plan.curve ?? undefined,
    space: {
      shape,
      dimensions: dimensions.map(({ counts, ...dimension }) => ({ ...dimension, counts: fromRuns(counts) })),
    },
  };
}

function toRuns(counts: readonly number[]): CountRun[] {
  const runs: [number, number, number][] = [];
  for (const count of counts) {
    const run = runs.at(-1);
    if (run !== undefined && run[0] === run[1]) [run[1], run[2]] = [count, count - run[0]];
    else if (run !== undefined && count - run[1] === run[2]) run[1] = count;
    else runs.push([count, count, 0]);
  }
  return runs;
}

function fromRuns(runs: readonly CountRun[]): number[] {
  return runs.flatMap(([first, last, step]) =>
    step === 0 ? [first] : Array.from({ length: (last - first) / step + 1 }, (_, index) => first + index * step),
  );
}
