import { createHash } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { countRows, type EncodingBatch, type PairTable } from '../core/pairs.js';
import { pluginInvalid, type PluginCall } from '../core/ports/plugin-errors.js';
import type { FittedPredictor, Prediction, Predictor } from '../core/ports/predictor.js';
import {
  Better,
  PredictorServiceService,
  Scale,
  type Encodings,
  type FitRequest,
  type LoadStateRequest,
  type PredictorInfo,
  type PredictResponse,
} from '../gen/prunecast/plugin/v1/plugin.js';
import { readFloat64, toBytes } from './little-endian.js';
import type { ExchangeOptions } from './channel.js';
import type { RemoteManifest } from './remote-manifest.js';
import { isServiceError } from './remote-errors.js';
import type { RemoteProcess } from './remote-process.js';

/** Bytes of numbers in one message, well below what a message may have. */
const PIECE_BYTES = 1_000_000;

/** The most bytes of a fitted predictor, and the most pieces that they come in. */
const MOST_STATE_BYTES = 256 * 2 ** 20;
const MOST_PIECES = 10_000;

/** How often a state is loaded for one call: the process may die, and forget it, in between. */
const MOST_LOADS = 3;

const DEFAULT_PAIRS = { least: 2, most: 100_000 } as const;

/** A predictor of another process. What it has fitted is its bytes; the process gets them when it does not know them. */
export function createRemotePredictor(manifest: RemoteManifest, info: PredictorInfo, remote: RemoteProcess): Predictor {
  const { id } = manifest;
  const { callMs, workMs } = remote.target.limits;
  const at = (method: string): PluginCall => ({ kind: 'predictor', id, method });

  const loadState = (stateId: string, state: Uint8Array, options: ExchangeOptions) =>
    remote.askOnce(at('load'), PredictorServiceService.loadState, describeState(id, stateId, state), options);

  const open = (state: Uint8Array): FittedPredictor => {
    const stateId = createHash('sha256').update(state).digest('hex');
    const ask = async (encodings: Encodings, options: ExchangeOptions): Promise<PredictResponse> => {
      const request = { id, stateId, encodings };
      for (let loads = 0; ; loads++) {
        try {
          return await remote.askOnce(at('predict'), PredictorServiceService.predict, [request], options);
        } catch (error) {
          if (!isServiceError(error) || error.code !== status.NOT_FOUND || loads >= MOST_LOADS) throw error;
        }
        await loadState(stateId, state, options);
      }
    };
    return {
      save: () => state,
      predict: async (batch, work) => {
        const call = at('predict');
        const options = { limitMs: callMs, ...(work && { signal: work.signal }) };
        const parts: Prediction[] = [];
        for (const part of splitRows(batch)) {
          const answer = await remote.run(call, () => ask(encode(part), options), options);
          parts.push(readPrediction(call, countRows(part), answer));
        }
        return join(call, parts);
      },
    };
  };

  return {
    ...manifest,
    kind: 'predictor',
    runsIn: 'worker',
    pairs: { least: info.leastPairs || DEFAULT_PAIRS.least, most: info.mostPairs || DEFAULT_PAIRS.most },
    ...(info.quickOptions !== undefined && { quick: info.quickOptions }),
    fit: async (pairs, options, seed, _files, work) => {
      const signalled = work && { signal: work.signal };
      const fitOnce = async (): Promise<Uint8Array> => {
        const requests = describeFit(id, pairs, options, seed);
        const pieces: Uint8Array[] = [];
        let bytes = 0;
        const answers = remote.channel.exchange(PredictorServiceService.fit, requests, {
          limitMs: workMs,
          ...signalled,
        });
        for await (const { state } of answers) {
          pieces.push(state);
          bytes += state.length;
          if (bytes > MOST_STATE_BYTES || pieces.length > MOST_PIECES)
            throw pluginInvalid(
              at('fit'),
              `sent a state of more than ${MOST_STATE_BYTES} bytes or ${MOST_PIECES} pieces`,
            );
        }
        return new Uint8Array(Buffer.concat(pieces));
      };
      return open(await remote.run(at('fit'), fitOnce, signalled));
    },
    load: (bytes) => Promise.resolve(open(bytes)),
  };
}

function encode({ rates, columns }: EncodingBatch): Encodings {
  return { rates: toBytes(rates), dimensions: columns };
}

function* splitRows({ rates, columns }: EncodingBatch): Generator<EncodingBatch> {
  const length = columns * Math.max(1, Math.floor(PIECE_BYTES / (8 + 4 * columns)));
  for (let from = 0; from < rates.length; from += length) yield { rates: rates.subarray(from, from + length), columns };
}

function* describeFit(id: string, pairs: PairTable, options: unknown, seed: number): Generator<FitRequest> {
  const { dimensions, targets, metric } = pairs;
  const start = {
    id,
    options: options as Record<string, unknown>,
    seed: BigInt(seed),
    dimensions: [...dimensions],
    pairs: targets.length,
    metric:
      metric === undefined
        ? undefined
        : {
            name: metric.name,
            better: metric.better === 'lower' ? Better.LOWER : Better.HIGHER,
            scale: metric.scale === 'log' ? Scale.LOG : Scale.LINEAR,
          },
  };
  yield { part: { $case: 'start', value: start } };
  let row = 0;
  for (const part of splitRows({ rates: pairs.rates, columns: dimensions.length })) {
    const rows = countRows(part);
    const value = { encodings: encode(part), targets: toBytes(targets.subarray(row, row + rows)) };
    yield { part: { $case: 'pairs', value } };
    row += rows;
  }
}

function* describeState(id: string, stateId: string, state: Uint8Array): Generator<LoadStateRequest> {
  yield { part: { $case: 'start', value: { id, stateId, bytes: BigInt(state.length) } } };
  for (let from = 0; from < state.length; from += PIECE_BYTES)
    yield { part: { $case: 'state', value: toBytes(state.subarray(from, from + PIECE_BYTES)) } };
}

/** Lengths are checked here, since parts are joined; that all numbers are finite is checked of every plug-in. */
function readPrediction(call: PluginCall, rows: number, { means, deviations }: PredictResponse): Prediction {
  const read = (name: string, bytes: Uint8Array): Float64Array => {
    const values = readFloat64(bytes);
    if (values?.length === rows) return values;
    throw pluginInvalid(call, `gave ${bytes.length} bytes of ${name} for ${rows} rows; ${8 * rows} are needed`);
  };
  return {
    mean: read('means', means),
    ...(deviations.length > 0 && { deviation: read('deviations', deviations) }),
  };
}

function join(call: PluginCall, parts: readonly Prediction[]): Prediction {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const deviations = parts.flatMap(({ deviation }) => (deviation === undefined ? [] : [deviation]));
  if (deviations.length > 0 && deviations.length < parts.length)
    throw pluginInvalid(call, 'gave deviations for some rows only');
  return {
    mean: concat(parts.map(({ mean }) => mean)),
    ...(deviations.length > 0 && { deviation: concat(deviations) }),
  };
}

function concat(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
