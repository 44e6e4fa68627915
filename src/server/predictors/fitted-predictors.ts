import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { MetricDefinition } from '../../core/metric.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { Clock } from '../../core/ports/clock.js';
import type { Predictor } from '../../gen/prunecast/v1/predictor_types.js';
import type { PredictorChoice } from '../../search/fit/choose-predictor.js';
import type { FitJudgement } from '../../search/fit/judge-fit.js';
import { isChooser, listCompared, type ResolvedPlugin, type PluginLookup } from '../requests/plugin-lookup.js';
import type { FitEvidence } from '../../core/ports/predictor-store.js';
import type { Store } from '../../core/ports/store.js';
import type { Telemetry } from '../../core/ports/telemetry.js';
import { newPredictor, type PredictorRecords } from '../records/predictor-records.js';
import { orAborted } from '../../core/or-aborted.js';
import { checkPairs } from './check-pairs.js';
import { describePredictor, listRanges } from './describe-predictor.js';
import { createFitThreads } from './fit-threads.js';
import type { FitRequest } from './fit-request.js';
import type { BackendsMessage } from './fit-messages.js';
import type { ReadPluginFiles } from './read-plugin-files.js';
import { closeAll, openRecord, type OpenPredictor } from './open-predictor.js';
import { describeModule, fitHosted, type PredictorModule } from './predictor-host.js';
import { encodeStoredModel } from './stored-model.js';

export interface FitResult {
  readonly predictor: Predictor;
  /** Of the first metric. */
  readonly judgement: FitJudgement & {
    /** How the backend was chosen; absent if it was named. */
    readonly choice?: PredictorChoice;
  };
}

/** The predictors of a server: fitted, stored, and loaded again. */
export interface FittedPredictors {
  /**
   * For each metric: chooses the backend if it is not named, fits on all pairs, judges on the 7:3 split and on five
   * folds, and stores the result.
   *
   * @throws PrunecastError PAIRS_INVALID, PAIRS_TOO_FEW, PAIRS_TOO_MANY, PREDICTOR_FAILED, or the signal's reason
   */
  fit(request: FitRequest, work: WorkContext): Promise<FitResult>;
  /**
   * Refuses early what would fail because of the plug-in alone: missing files, or files whose form does not fit the
   * columns and metrics. Throws the signal's reason: a file may keep its library busy for ever.
   */
  check(plugin: ResolvedPlugin<'predictor'>, form: FitForm, signal?: AbortSignal): Promise<void>;
  /**
   * A stored predictor, loaded; loading stops when nobody waits for it. Throws PREDICTOR_NOT_FOUND, PREDICTOR_FAILED,
   * or the signal's reason.
   */
  open(predictorId: string, signal?: AbortSignal): Promise<OpenPredictor>;
  /**
   * What a stored predictor was fitted on. Throws PREDICTOR_NOT_FOUND, or PREDICTOR_FAILED if it was stored without.
   */
  evidence(predictorId: string): Promise<FitEvidence>;
  /** Deletes a predictor; open questions are still answered, or rejected with CANCELLED. Throws PREDICTOR_NOT_FOUND. */
  remove(predictorId: string): Promise<void>;
  close(): Promise<void>;
}

export interface FittedPredictorsOptions {
  readonly store: Pick<Store, 'keep'>;
  readonly records: PredictorRecords;
  readonly plugins: PluginLookup;
  readonly clock: Clock;
  readonly readFiles: ReadPluginFiles;
  readonly telemetry: Pick<Telemetry, 'fitEnded'>;
}

/** The form of a coming fit. */
export interface FitForm {
  /** Columns of the predictor's input, features included. */
  readonly columns: number;
  readonly metrics: readonly MetricDefinition[];
}

/** How many predictors stay loaded; a thread of boosted trees takes about 40 MB. */
const LOADED_PREDICTORS = 8;

export function createFittedPredictors({
  store,
  records,
  plugins,
  clock,
  readFiles,
  telemetry,
}: FittedPredictorsOptions): FittedPredictors {
  const loaded = new Map<string, LoadedPredictor>();
  const fitThreads = createFitThreads();
  const keep = (predictorId: string, entry: LoadedPredictor): LoadedPredictor => {
    loaded.delete(predictorId);
    loaded.set(predictorId, entry);
    const [oldest] = loaded.keys();
    if (loaded.size > LOADED_PREDICTORS && oldest !== undefined) drop(oldest);
    return entry;
  };
  const drop = (predictorId: string): void => {
    const entry = loaded.get(predictorId);
    loaded.delete(predictorId);
    void entry?.close();
  };
  const begin = (predictorId: string, load: (signal: AbortSignal) => Promise<OpenPredictor>): LoadedPredictor => {
    const entry = createLoaded(load);
    entry.opened.catch(() => {
      if (loaded.get(predictorId) === entry) loaded.delete(predictorId);
    });
    return keep(predictorId, entry);
  };
  return {
    async fit(request, work) {
      const { plugin, seed, tables = [], learning = false, unseen = [] } = request;
      const [pairs, ...others] = checkPairs(plugin.plugin, request);
      const backends = await describeBackends(plugins, plugin, readFiles);
      const answer = await timeFit(telemetry, () =>
        fitThreads.fit(
          {
            pairs: [pairs, ...others],
            dimensions: request.dimensions,
            backends,
            tables,
            seed,
            ranges: request.ranges ?? listRanges(request),
            learning,
            unseen,
          },
          work,
        ),
      );
      const { fits } = answer;
      const [first] = fits;
      if (first === undefined) throw new RangeError('a fit needs at least one metric');
      const predictor = describePredictor(request, [pairs, ...others], answer, clock.now());
      const record = { predictor, model: encodeStoredModel({ models: fits.map(({ saved }) => saved), tables }) };
      const evidence = {
        rates: pairs.rates,
        targets: Float64Array.from([pairs, ...others].flatMap(({ targets }) => [...targets])),
        importances: Float64Array.from(fits.flatMap(({ judgement }) => judgement.importances)),
        residuals: Float64Array.from(fits.flatMap(({ residuals }) => [...residuals])),
      };
      const stored = newPredictor(record, evidence);
      if (request.join === undefined) await store.keep([stored]);
      else {
        request.join(stored);
        // Requested before the step that stores it is complete.
        await orAborted(
          begin(predictor.id, (unwanted) => openRecord(plugins, record, evidence.residuals, unwanted)).opened,
          work.signal,
        );
      }
      const { judgement, choice } = first;
      return { predictor, judgement: { ...judgement, ...(choice === undefined ? {} : { choice }) } };
    },
    async check(plugin, form, signal) {
      const files = await readFiles(plugin);
      if (files !== undefined && !isChooser(plugin.plugin))
        await rehearse(
          describeModule(plugin.plugin, { moduleUrl: plugin.moduleUrl, options: plugin.options, files }),
          form,
          signal,
        );
    },
    async open(predictorId, signal = new AbortController().signal) {
      const known = loaded.get(predictorId);
      const entry =
        known === undefined
          ? begin(predictorId, (unwanted) => load(records, plugins, predictorId, unwanted))
          : keep(predictorId, known);
      entry.waiting += 1;
      try {
        return await orAborted(entry.opened, signal);
      } finally {
        entry.waiting -= 1;
        if (signal.aborted && entry.waiting === 0 && !entry.isReady && loaded.get(predictorId) === entry)
          drop(predictorId);
      }
    },
    async evidence(predictorId) {
      const evidence = await records.evidence(predictorId);
      if (evidence !== undefined) return evidence;
      await records.get(predictorId);
      throw new PrunecastError(
        'PREDICTOR_FAILED',
        `the predictor ${predictorId} was fitted by an earlier version, which stored no pairs with it: fit it again`,
        { metadata: { predictor_id: predictorId } },
      );
    },
    async remove(predictorId) {
      await records.remove(predictorId);
      drop(predictorId);
    },
    async close() {
      const entries = [...loaded.values()];
      loaded.clear();
      await Promise.allSettled([fitThreads.close(), ...entries.map((entry) => entry.close())]);
    },
  };
}

async function timeFit<Answer>(telemetry: Pick<Telemetry, 'fitEnded'>, fit: () => Promise<Answer>): Promise<Answer> {
  const startMs = performance.now();
  let outcome: 'fitted' | 'failed' = 'failed';
  try {
    const answer = await fit();
    outcome = 'fitted';
    return answer;
  } finally {
    telemetry.fitEnded(outcome, (performance.now() - startMs) / 1000);
  }
}

/**
 * The plug-in to be fitted, with its files, or those among which one is chosen. Throws as `listCompared` and
 * `readFiles`.
 */
async function describeBackends(
  plugins: PluginLookup,
  resolved: ResolvedPlugin<'predictor'>,
  readFiles: ReadPluginFiles,
): Promise<BackendsMessage> {
  const { plugin, options, moduleUrl } = resolved;
  if (isChooser(plugin)) {
    const comparison = plugin.compare(options);
    return {
      folds: comparison.folds,
      modules: listCompared(plugins, resolved).map(({ plugin: compared, ...module }) =>
        describeModule(compared, module),
      ),
    };
  }
  return {
    folds: undefined,
    modules: [describeModule(plugin, { moduleUrl, options, files: await readFiles(resolved) })],
  };
}

/** A predictor that is loaded or loading. */
interface LoadedPredictor {
  readonly opened: Promise<OpenPredictor>;
  isReady: boolean;
  /** How many callers wait for it. */
  waiting: number;
  /** Ends what it runs in, even if it is not loaded yet. */
  close(): Promise<void>;
}

function createLoaded(load: (signal: AbortSignal) => Promise<OpenPredictor>): LoadedPredictor {
  const controller = new AbortController();
  const opened = load(controller.signal);
  const entry: LoadedPredictor = {
    opened,
    isReady: false,
    waiting: 0,
    close: async () => {
      if (!entry.isReady)
        return controller.abort(new PrunecastError('CANCELLED', 'the predictor was closed before it was loaded'));
      await closeAll(await opened);
    },
  };
  const settle = async (): Promise<void> => {
    await opened;
    entry.isReady = true;
  };
  settle().catch(() => undefined); // the waiting callers get the error
  return entry;
}

async function load(
  records: PredictorRecords,
  plugins: PluginLookup,
  predictorId: string,
  signal: AbortSignal,
): Promise<OpenPredictor> {
  const record = await records.get(predictorId);
  return openRecord(plugins, record, (await records.evidence(predictorId))?.residuals ?? new Float64Array(0), signal);
}

/** Two meaningless pairs: they make a plug-in open its files and answer once per metric. */
async function rehearse(
  module: PredictorModule,
  { columns, metrics }: FitForm,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const [index, { name, scale, better }] of metrics.entries()) {
    const dimensions = Array.from({ length: columns }, (_, column) => `column ${column}`);
    const fitted = await fitHosted(
      module,
      {
        dimensions,
        rates: new Float32Array(2 * columns),
        targets: Float64Array.of(0, 1),
        metric: { name, scale, better, index, of: metrics.length },
      },
      0,
      { signal },
    );
    await fitted.close();
  }
}
