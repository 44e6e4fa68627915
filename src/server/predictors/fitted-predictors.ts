import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { ErrorTable } from '../../core/features/error-table.js';
import type { MetricDefinition } from '../../core/metric.js';
import type { PairTable } from '../../core/pairs.js';
import type { Clock } from '../../core/ports/clock.js';
import type { RateRange } from '../../core/space/count-rule.js';
import { digestOf } from '../../engine/digest.js';
import { PredictorFeatures, type Predictor } from '../../gen/prunecast/v1/predictor_types.js';
import type { PredictorChoice } from '../../search/fit/choose-predictor.js';
import type { FitJudgement } from '../../search/fit/judge-fit.js';
import { encodeChoice } from '../encoding/predictor-choice.js';
import { encodeQuality } from '../encoding/fit-quality.js';
import { isChooser, type PluginRegistry, type ResolvedPlugin } from '../plugins/plugin-registry.js';
import { createId } from '../store/create-id.js';
import type { FitEvidence, PredictorStore } from '../store/predictor-store.js';
import type { StoreWrite } from '../store/store-write.js';
import { toTimestamp } from '../store/timestamps.js';
import { checkPairs } from './check-pairs.js';
import { fitMetric, type MetricFit } from './fit-metric.js';
import type { HostedPredictor, PredictorModule } from './predictor-host.js';
import { decodeStoredModel, encodeStoredModel } from './stored-model.js';
import { loadWidened } from './widened-predictor.js';

/** What a predictor is fitted on and for. */
export interface FitRequest {
  readonly plugin: ResolvedPlugin<'predictor'>;
  readonly metric: MetricDefinition;
  readonly dimensions: readonly string[];
  /** [pairs, dimensions], row-major. */
  readonly rates: Float32Array;
  /** One a pair, in the metric's own unit. */
  readonly values: Float64Array;
  readonly seed: number;
  readonly source: PairSource;
  /** The rates between which effects are looked at, dimension by dimension; those of the pairs by default. */
  readonly ranges?: readonly RateRange[];
  /** What is looked up beside the rates, of `measureErrorTables`; nothing by default. */
  readonly tables?: readonly ErrorTable[];
  /** Has the predictor stored together with what tells of it; by default it is stored at once. */
  readonly join?: (write: StoreWrite) => void;
}

/** What all pairs share; empty where the caller did not say. */
export interface PairSource {
  readonly model: string;
  readonly checkpointDigest: string;
  readonly measurementFingerprint: string;
  readonly fidelityDigest: string;
  readonly recipeDigests: readonly string[];
  readonly studyId: string;
}

export interface FitResult {
  readonly predictor: Predictor;
  readonly judgement: FitJudgement & {
    /** How the backend was chosen; absent where it was named. */
    readonly choice?: PredictorChoice;
  };
  readonly fitted: HostedPredictor;
}

export interface OpenPredictor {
  readonly predictor: Predictor;
  readonly fitted: HostedPredictor;
  /** Label less out-of-fold prediction, on the scale of the fit; empty where there was none. */
  readonly residuals: Float64Array;
}

/** The predictors of a server: fitted, stored, and loaded again. */
export interface FittedPredictors {
  /**
   * Chooses the backend where it is not named, fits on all pairs, judges on the 7:3 split and on five folds, and stores the
   * result.
   *
   * @throws PrunecastError PAIRS_INVALID, PAIRS_TOO_FEW, PAIRS_TOO_MANY, PREDICTOR_FAILED, or the signal's reason
   */
  fit(request: FitRequest, signal: AbortSignal): Promise<FitResult>;
  /** A stored predictor, loaded. Throws PREDICTOR_NOT_FOUND, PREDICTOR_FAILED. */
  open(predictorId: string): Promise<OpenPredictor>;
  /** What a stored predictor was fitted on. Throws PREDICTOR_NOT_FOUND, PREDICTOR_FAILED for one that was stored without. */
  evidence(predictorId: string): Promise<FitEvidence>;
  /** Forgets a predictor; questions that are open are still answered or rejected with CANCELLED. Throws PREDICTOR_NOT_FOUND. */
  remove(predictorId: string): Promise<void>;
  close(): Promise<void>;
}

export interface FittedPredictorsOptions {
  readonly store: PredictorStore;
  readonly plugins: PluginRegistry;
  readonly clock: Clock;
}

/** How many predictors stay loaded; a thread of boosted trees takes some 40 MB. */
const LOADED_PREDICTORS = 8;

export function createFittedPredictors({ store, plugins, clock }: FittedPredictorsOptions): FittedPredictors {
  const loaded = new Map<string, Promise<OpenPredictor>>();
  const keep = (predictorId: string, entry: Promise<OpenPredictor>): Promise<OpenPredictor> => {
    loaded.delete(predictorId);
    loaded.set(predictorId, entry);
    const [oldest] = loaded.keys();
    if (loaded.size > LOADED_PREDICTORS && oldest !== undefined) drop(oldest);
    return entry;
  };
  const drop = (predictorId: string): void => {
    const entry = loaded.get(predictorId);
    loaded.delete(predictorId);
    entry?.then(({ fitted }) => fitted.close()).catch(() => undefined);
  };
  return {
    async fit(request, signal) {
      const { plugin, seed, tables = [] } = request;
      const pairs = checkPairs(plugin.plugin, request);
      const fit = await fitMetric(pairs, { plugin, plugins, tables, seed, ranges: request.ranges ?? listRanges(pairs), signal });
      const { judgement, residuals, fitted, choice } = fit;
      const predictor = describe(request, pairs, fit, clock.now());
      const record = { predictor, model: encodeStoredModel({ models: [fitted.save()], tables }) };
      const evidence = { rates: pairs.rates, targets: pairs.targets, importances: Float64Array.from(judgement.importances), residuals };
      if (request.join === undefined) await store.create(record, evidence);
      else request.join(store.creating(record, evidence));
      await keep(predictor.id, Promise.resolve({ predictor, fitted, residuals }));
      return { predictor, judgement: { ...judgement, ...(choice === undefined ? {} : { choice }) }, fitted };
    },
    open(predictorId) {
      const known = loaded.get(predictorId);
      if (known !== undefined) return keep(predictorId, known);
      const entry = load(store, plugins, predictorId);
      entry.catch(() => loaded.delete(predictorId));
      return keep(predictorId, entry);
    },
    async evidence(predictorId) {
      const evidence = await store.evidence(predictorId);
      if (evidence !== undefined) return evidence;
      await store.get(predictorId);
      throw new PrunecastError('PREDICTOR_FAILED', `the predictor ${predictorId} was fitted by an earlier version, which kept no pairs beside it: fit it again`, { metadata: { predictor_id: predictorId } });
    },
    async remove(predictorId) {
      await store.remove(predictorId);
      drop(predictorId);
    },
    async close() {
      const entries = [...loaded.values()];
      loaded.clear();
      await Promise.allSettled(entries.map(async (entry) => (await entry).fitted.close()));
    },
  };
}

async function load(store: PredictorStore, plugins: PluginRegistry, predictorId: string): Promise<OpenPredictor> {
  const { predictor, model } = await store.get(predictorId);
  const { dimensions, metricBackends } = predictor;
  const { models, tables } = metricBackends.length === 0 ? { models: [model], tables: [] } : decodeStoredModel(model);
  const residuals = (await store.evidence(predictorId))?.residuals ?? new Float64Array(0);
  const fitted = await loadWidened(findModule(plugins, predictor), models[0] ?? new Uint8Array(0), { dimensions, tables }, new AbortController().signal);
  return { predictor, fitted, residuals };
}

/** The plug-in that a stored predictor was fitted by. Throws PLUGIN_NOT_FOUND. */
function findModule(plugins: PluginRegistry, { id, backend }: Predictor): PredictorModule {
  const entry = plugins.all('predictor').find(({ plugin }) => plugin.id === backend);
  if (entry !== undefined && !isChooser(entry.plugin)) return { plugin: entry.plugin, moduleUrl: entry.moduleUrl, options: undefined };
  throw new PrunecastError('PLUGIN_NOT_FOUND', `the predictor ${id} was fitted by "${backend}", which this server does not have`, { metadata: { kind: 'predictor', id: backend } });
}

function describe({ plugin, metric, source, seed, tables = [] }: FitRequest, pairs: PairTable, { backend, choice, judgement, crossValidation }: MetricFit, now: number): Predictor {
  const ranges = listRanges(pairs);
  return {
    id: createId('predictor'),
    backend,
    requestedBackend: plugin.id,
    ...source,
    recipeDigests: [...source.recipeDigests],
    metrics: [metric.name],
    dimensions: [...pairs.dimensions],
    pairs: pairs.targets.length,
    pairsDigest: digestOf({ dimensions: pairs.dimensions, rates: [...pairs.rates], targets: [...pairs.targets] }),
    seed: BigInt(seed),
    quality: [judgement.quality, ...(crossValidation === undefined ? [] : [crossValidation])].map((quality) => encodeQuality(metric.name, quality)),
    features: tables.length === 0 ? PredictorFeatures.RATES : PredictorFeatures.RATES_AND_ERRORS,
    metricBackends: [backend],
    scores: encodeChoice(metric.name, choice),
    createTime: toTimestamp(now),
    minRates: ranges.map(({ minRate }) => minRate),
    maxRates: ranges.map(({ maxRate }) => maxRate),
  };
}

function listRanges({ dimensions, rates }: PairTable): RateRange[] {
  return dimensions.map((_, column) => {
    let [minRate, maxRate] = [1, 0];
    for (let at = column; at < rates.length; at += dimensions.length) {
      minRate = Math.min(minRate, rates[at] as number);
      maxRate = Math.max(maxRate, rates[at] as number);
    }
    return { minRate, maxRate };
  });
}
