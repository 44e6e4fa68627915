import { countRows, type EncodingBatch } from '../../core/pairs.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { FittedPredictor, Prediction, Predictor, PredictorChooser } from '../../core/ports/predictor.js';
import { awaitPlugin, callPlugin, type CallLimit } from './guarded-call.js';
import { contextsOf, type PluginHost } from '../context/plugin-context.js';
import { nameType, pluginInvalid, type PluginCall } from '../../core/ports/plugin-errors.js';

/** A predictor, or what chooses one, whose answers are checked: one finite value per row, and bytes from `save`. */
export function guardPredictor(
  predictor: Predictor | PredictorChooser,
  limit: CallLimit,
  host?: PluginHost,
): Predictor | PredictorChooser {
  return 'compare' in predictor ? guardChooser(predictor, limit) : guardFitting(predictor, limit, host);
}

function guardFitting(predictor: Predictor, limit: CallLimit, host: PluginHost | undefined): Predictor {
  const at = (method: string): PluginCall => ({ kind: 'predictor', id: predictor.id, method });
  const { files } = predictor;
  const makeContext = contextsOf(predictor, host);
  const open = async (
    method: string,
    begin: () => Promise<FittedPredictor>,
    work: WorkContext | undefined,
  ): Promise<FittedPredictor> => {
    const fitted: unknown = await awaitPlugin(at(method), limit, begin, work?.signal);
    if (isFitted(fitted)) return guardFitted(fitted, at, limit);
    throw pluginInvalid(at(method), `gave ${nameType(fitted)} in place of an object with predict() and save()`);
  };
  return {
    ...predictor,
    fit: (pairs, options, seed, held, work) =>
      open('fit', () => predictor.fit(pairs, options, seed, held, makeContext(work)), work),
    load: (bytes, work) => open('load', () => predictor.load(bytes, makeContext(work)), work),
    ...(files !== undefined && {
      files: (options: unknown) => {
        const named: unknown = callPlugin(at('files'), limit, () => files.call(predictor, options));
        if (isTexts(named)) return named;
        throw pluginInvalid(at('files'), 'did not give an object of paths');
      },
    }),
  };
}

function guardFitted(fitted: FittedPredictor, at: (method: string) => PluginCall, limit: CallLimit): FittedPredictor {
  return {
    predict: async (batch, work) => {
      const call = at('predict');
      return requirePrediction(
        call,
        batch,
        await awaitPlugin(call, limit, () => fitted.predict(batch, work), work?.signal),
      );
    },
    save: () => {
      const saved: unknown = callPlugin(at('save'), limit, () => fitted.save());
      if (saved instanceof Uint8Array) return saved;
      throw pluginInvalid(at('save'), `gave ${nameType(saved)} in place of a Uint8Array`);
    },
  };
}

function guardChooser(chooser: PredictorChooser, limit: CallLimit): PredictorChooser {
  const call = { kind: 'predictor', id: chooser.id, method: 'compare' } as const;
  return {
    ...chooser,
    compare: (options) => {
      const comparison = callPlugin(call, limit, () => chooser.compare(options));
      const { folds, among } = (comparison ?? {}) as unknown as Readonly<Record<string, unknown>>;
      const isNamed = Array.isArray(among) && among.every((id) => typeof id === 'string');
      if (typeof folds === 'number' && Number.isInteger(folds) && folds >= 2 && isNamed) return { folds, among };
      throw pluginInvalid(call, 'must give {folds, among}: a whole number of folds from 2 on, and a list of ids');
    },
  };
}

/** @throws PrunecastError PLUGIN_INVALID for anything but a finite number per row */
function requirePrediction(call: PluginCall, batch: EncodingBatch, prediction: unknown): Prediction {
  const rows = countRows(batch);
  const { mean, deviation } = (prediction ?? {}) as Readonly<Record<string, unknown>>;
  const read = (name: string, values: unknown): Float64Array => {
    if (!(values instanceof Float64Array))
      throw pluginInvalid(call, `gave ${nameType(values)} as ${name} in place of a Float64Array`);
    if (values.length !== rows) throw pluginInvalid(call, `gave ${values.length} values as ${name} for ${rows} rows`);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw pluginInvalid(call, `gave the ${name} ${values[bad]} for row ${bad}; a finite number is needed`);
    return values;
  };
  return {
    mean: read('mean', mean),
    ...(deviation !== undefined && { deviation: read('deviation', deviation) }),
  };
}

function isFitted(value: unknown): value is FittedPredictor {
  return (
    typeof value === 'object' &&
    value !== null &&
    'predict' in value &&
    typeof value.predict === 'function' &&
    'save' in value &&
    typeof value.save === 'function'
  );
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === 'object' && value !== null && Object.values(value).every((entry) => typeof entry === 'string')
  );
}
