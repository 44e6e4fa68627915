import {
  type Compensation,
  type HalfBlock,
  type CompensatedHalfBlock,
  type PreparedCompensation,
  STREAM_REFITS,
  type StreamFit,
} from '../../core/ports/compensation.js';
import { awaitPlugin, callPlugin, type CallLimit } from './guarded-call.js';
import { nameType, pluginInvalid, type PluginCall } from '../../core/ports/plugin-errors.js';
import { nameNumber, requireCount } from './require-count.js';
import { contextsOf, type MakeContext, type PluginHost } from '../context/plugin-context.js';

/** A compensation whose answers are checked: weights and biases of the right length, every number finite. */
export function guardCompensation(compensation: Compensation, limit: CallLimit, host?: PluginHost): Compensation {
  const at = (method: string): PluginCall => ({ kind: 'compensation', id: compensation.id, method });
  const { preparingBytes, stream } = compensation;
  const makeContext = contextsOf(compensation, host);
  return {
    ...compensation,
    prepare: async (half, options, work) => {
      const prepared: unknown = await awaitPlugin(
        at('prepare'),
        limit,
        () => compensation.prepare(half, options, makeContext(work)),
        work?.signal,
      );
      if (!isPrepared(prepared))
        throw pluginInvalid(at('prepare'), `gave ${nameType(prepared)} in place of an object with compensate()`);
      return guardPrepared(prepared, half, at, limit);
    },
    ...(preparingBytes !== undefined && {
      preparingBytes: (rows: number, hidden: number) => {
        const call = at('preparingBytes');
        return requireCount(
          call,
          callPlugin(call, limit, () => preparingBytes.call(compensation, rows, hidden)),
          'bytes',
        );
      },
    }),
    ...(stream !== undefined && { stream: guardStream(stream, at, { limit, makeContext }) }),
  };
}

function guardPrepared(
  prepared: PreparedCompensation,
  { rows, hidden, weights }: HalfBlock,
  at: (method: string) => PluginCall,
  limit: CallLimit,
): PreparedCompensation {
  return {
    ...prepared,
    ...(prepared.heldBytes !== undefined && { heldBytes: prepared.heldBytes }),
    compensate: async (width) => {
      const call = at('compensate');
      const given: Partial<CompensatedHalfBlock> | undefined = await awaitPlugin(call, limit, () =>
        prepared.compensate(width),
      );
      const { weights: kept, bias } = given ?? {};
      // Views of the half-block's own weights were finite when they were read.
      const size = { expected: width * hidden, of: `${width} rows of ${rows}`, isOwn: kept?.buffer === weights.buffer };
      const checked = requireFloats(call, kept, 'weights', size);
      if (bias === undefined) return { weights: checked };
      return { weights: checked, bias: requireFloats(call, bias, 'bias', { expected: hidden, of: 'the output' }) };
    },
    ...(prepared.error !== undefined && {
      error: (width: number) => {
        const call = at('error');
        const error: unknown = callPlugin(call, limit, () => prepared.error?.(width));
        if (typeof error === 'number' && Number.isFinite(error)) return error;
        throw pluginInvalid(call, `gave ${nameNumber(error)} for ${width} rows; a finite number is needed`);
      },
    }),
  };
}

function guardStream(
  stream: StreamFit,
  at: (method: string) => PluginCall,
  { limit, makeContext }: { readonly limit: CallLimit; readonly makeContext: MakeContext },
): StreamFit {
  return {
    ...stream,
    isAsked: (options) => callPlugin(at('stream.isAsked'), limit, () => stream.isAsked(options)) === true,
    ask: (options) => callPlugin(at('stream.ask'), limit, () => stream.ask(options)),
    ...(stream.refit !== undefined && {
      refit: (options: unknown) => {
        const call = at('stream.refit');
        const given: unknown = callPlugin(call, limit, () => stream.refit?.(options));
        const refit = STREAM_REFITS.find((known) => known === given);
        if (refit !== undefined) return refit;
        throw pluginInvalid(
          call,
          `gave ${typeof given === 'string' ? `"${given}"` : nameType(given)}; one of ${STREAM_REFITS.join(', ')} is needed`,
        );
      },
    }),
    fit: async (map, options, work) => {
      const call = at('stream.fit');
      const { rows, columns } = map;
      const fitted: unknown = await awaitPlugin(
        call,
        limit,
        () => stream.fit(map, options, makeContext(work)),
        work?.signal,
      );
      return requireFloats(call, fitted, 'weights', { expected: rows * columns, of: `${rows} rows` });
    },
  };
}

function isPrepared(value: unknown): value is PreparedCompensation {
  return typeof value === 'object' && value !== null && 'compensate' in value && typeof value.compensate === 'function';
}

function requireFloats(
  call: PluginCall,
  values: unknown,
  name: string,
  { expected, of, isOwn = false }: { readonly expected: number; readonly of: string; readonly isOwn?: boolean },
): Float32Array {
  if (!(values instanceof Float32Array))
    throw pluginInvalid(call, `gave ${nameType(values)} as ${name} in place of a Float32Array`);
  if (values.length !== expected)
    throw pluginInvalid(call, `gave ${values.length} numbers as ${name} for ${of}; ${expected} are needed`);
  if (isOwn || areFinite(values)) return values;
  const bad = values.find((value) => !Number.isFinite(value));
  throw pluginInvalid(call, `gave ${bad} in its ${name} for ${of}; finite numbers are needed`);
}

/**
 * A half-block of a large model has 45 million weights. A finite number minus itself is 0, and any other is NaN: this
 * takes a twentieth of the time that a test of each number takes.
 */
function areFinite(values: Float32Array): boolean {
  let probe = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    probe += value - value;
  }
  return probe === 0;
}
