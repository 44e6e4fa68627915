import type { FittedPredictor, Predictor, Prediction } from '../../core/ports/predictor.js';
import { serveCalls, type CallChannel, type CallHandlers } from '../../engine/workers/serve-calls.js';
import { loadPlugin } from '../../plugin-host/import-plugins.js';
import type { WriteLine } from '../../plugin-host/context/plugin-context.js';
import type { EncodingBatch, PairTable } from '../../core/pairs.js';
import type { PluginLine } from '../../core/ports/plugin-context.js';
import type { PluginAddress } from '../../core/ports/plugin-entry.js';
import type { WorkContext } from '../../core/ports/work-context.js';

export type PredictorAddress = PluginAddress & { readonly kind: 'predictor' };

/** The data that the thread or process of a predictor starts with. */
export interface PredictorTask {
  /** Of the plug-in whose predictor it is to hold first. */
  readonly address: PredictorAddress;
  /** The saved predictor, if this worker replaces one that was ended; undefined before it is fitted or loaded. */
  readonly saved: Uint8Array | undefined;
}

/** From a predictor's process, beside its answers: a line for the server's log. */
export interface LineMessage {
  readonly kind: 'line';
  readonly line: PluginLine;
}

/** The calls that it answers. */
export type PredictorCalls = {
  /** Returns the saved predictor. */
  fit: {
    argument: {
      readonly address: PredictorAddress;
      readonly pairs: PairTable;
      readonly options: unknown;
      readonly seed: number;
      readonly files: Readonly<Record<string, Uint8Array>> | undefined;
    };
    item: never;
    result: Uint8Array;
  };
  load: {
    argument: { readonly address: PredictorAddress; readonly bytes: Uint8Array };
    item: never;
    result: undefined;
  };
  predict: { argument: EncodingBatch; item: never; result: Prediction };
};

/**
 * One predictor at a time in a worker: fits or loads it, then answers calls in turn until it is to fit or load another,
 * or its host ends the worker.
 *
 * @param write as for `loadPlugin`
 */
export function servePredictor(channel: CallChannel, { address, saved }: PredictorTask, write?: WriteLine): void {
  let fitted: Promise<FittedPredictor> | undefined;
  // A chooser is never fitted.
  const open = async (of: PredictorAddress): Promise<Predictor> => (await loadPlugin(of, write)) as Predictor;
  const load = async (of: PredictorAddress, bytes: Uint8Array, work?: WorkContext): Promise<FittedPredictor> =>
    (await open(of)).load(bytes, work);
  const handlers: CallHandlers<PredictorCalls> = {
    fit: async ({ address: of, pairs, options, seed, files }, { work: { signal } }) => {
      const predictor = await open(of);
      fitted = predictor.fit(pairs, options, seed, files, { signal });
      return (await fitted).save();
    },
    load: async ({ address: of, bytes }, { work: { signal } }) => {
      fitted = load(of, bytes, { signal });
      await fitted;
      return undefined;
    },
    predict: async (batch, { work: { signal } }) => {
      if (fitted === undefined && saved === undefined)
        throw new RangeError('the predictor was asked before it was fitted or loaded');
      // Later calls need it too: a cancel of this one must not end it.
      fitted ??= load(address, saved ?? new Uint8Array());
      return (await fitted).predict(batch, { signal });
    },
  };
  // Connections that are still open would keep a thread from ending by itself.
  serveCalls<PredictorCalls>(channel, handlers, { close: () => Promise.resolve(process.exit()) });
}
