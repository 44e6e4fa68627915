import type { FittedPredictor, Predictor } from '../../core/ports/predictor.js';
import { serveCalls, type CallChannel } from '../../engine/workers/serve-calls.js';
import type { PredictorCalls, PredictorTask } from './predictor-messages.js';

/** One predictor, apart from the server: fits or loads it, then answers questions in turn until its host ends it. */
export function servePredictor(channel: CallChannel, { moduleUrl, saved }: PredictorTask): void {
  let fitted: Promise<FittedPredictor> | undefined;
  const load = async (bytes: Uint8Array): Promise<FittedPredictor> => (await importPredictor(moduleUrl)).load(bytes);
  serveCalls<PredictorCalls>(channel, {
    fit: async ({ pairs, options, seed, files }) => {
      const predictor = await importPredictor(moduleUrl);
      fitted = predictor.fit(pairs, options, seed, files);
      return (await fitted).save();
    },
    load: async (bytes) => {
      fitted = load(bytes);
      await fitted;
      return undefined;
    },
    predict: async (batch) => {
      if (fitted === undefined && saved === undefined)
        throw new RangeError('the predictor was asked before it was fitted or loaded');
      fitted ??= load(saved ?? new Uint8Array());
      return (await fitted).predict(batch);
    },
  });
}

async function importPredictor(moduleUrl: string): Promise<Predictor> {
  return ((await import(moduleUrl)) as { readonly default: Predictor }).default;
}
