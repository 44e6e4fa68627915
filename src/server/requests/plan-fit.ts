import type { ErrorTable } from '../../core/features/error-table.js';
import type { FitPredictorRequest } from '../../gen/prunecast/v1/predictor.js';
import {
  PLAN_VERSION,
  planPlugin,
  toPlain,
  type PlanHead,
  type PlannedModel,
  type PlannedPlugin,
} from './plan-document.js';
import { listCompared, type PluginLookup } from './plugin-lookup.js';
import type { ResolvedFit } from './resolve-fit.js';

/** What a FitPredictor request resolved to. */
export interface FitPlan extends PlanHead {
  readonly kind: 'fit';
  /** As the pairs name it. */
  readonly model: PlannedModel;
  readonly predictor: PlannedPlugin & { readonly among: readonly PlannedPlugin[] };
  readonly pairs: {
    readonly count: number;
    readonly dimensions: readonly string[];
    readonly measurementFingerprint: string;
    readonly fidelityDigest: string;
    /** Digest of the rates. */
    readonly rates: string;
    /** Digest of each pair's recipe. */
    readonly recipes: string;
  };
  readonly metrics: readonly {
    readonly name: string;
    /** Digest of the labels. */
    readonly labels: string;
  }[];
  readonly unseen: readonly number[];
  readonly learningCurve: boolean;
  /** Where the errors come from; null if the features are only the rates. */
  readonly errors: PlannedErrors | null;
  readonly seed: number;
}

export type PlannedErrors =
  | { readonly source: 'request'; readonly tables: readonly { readonly dimension: string; readonly errors: string }[] }
  /** Measured under the recipe with this digest. */
  | { readonly source: 'study'; readonly recipe: string };

export function planFit(
  { plugins, digestBytes }: { readonly plugins: PluginLookup; readonly digestBytes: (view: ArrayBufferView) => string },
  request: FitPredictorRequest,
  { plugin, set, rates, metrics, unseen, seed }: ResolvedFit,
  errors: PlannedErrors | null,
): FitPlan {
  return toPlain<FitPlan>({
    schemaVersion: PLAN_VERSION,
    kind: 'fit',
    model: { name: set.model, checkpointDigest: set.checkpointDigest },
    predictor: { ...planPlugin(plugin), among: listCompared(plugins, plugin).map(planPlugin) },
    pairs: {
      count: set.pairs.length,
      dimensions: set.dimensions,
      measurementFingerprint: set.measurementFingerprint,
      fidelityDigest: set.fidelityDigest,
      rates: digestBytes(rates),
      recipes: digestBytes(new TextEncoder().encode(set.pairs.map(({ recipeDigest }) => recipeDigest).join('\n'))),
    },
    metrics: metrics.map(({ metric: { name }, values }) => ({ name, labels: digestBytes(values) })),
    unseen,
    learningCurve: request.learningCurve,
    errors,
    seed,
  });
}

/** The tables that a request sends, by digest. */
export function planTables(
  tables: readonly ErrorTable[],
  digestBytes: (view: ArrayBufferView) => string,
): PlannedErrors {
  return {
    source: 'request',
    tables: tables.map(({ dimension, errors }) => ({ dimension, errors: digestBytes(errors) })),
  };
}
