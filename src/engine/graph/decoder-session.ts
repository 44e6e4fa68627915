import { loadOnnxRuntime, type Tensor } from '../../onnx-runtime/load-onnx-runtime.js';

/** A decoder graph with a cache, as Optimum names its inputs and outputs, in ONNX Runtime. */
export interface DecoderSession {
  /** The logits of a sequence at positions from 0 on, [tokens, vocabulary]. */
  logits(tokens: Int32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

export interface DecoderSessionOptions {
  /** Of the graph's file. */
  readonly path: string;
  readonly threads: number;
  /** Calls each run, so that the owner of the thread can hold it back. */
  readonly guard: <Result>(run: () => Promise<Result>) => Promise<Result>;
}

/** Runs on the calling thread and blocks it: call this only in a worker thread. Throws what ONNX Runtime throws. */
export async function openDecoderSession({ path, threads, guard }: DecoderSessionOptions): Promise<DecoderSession> {
  const { InferenceSession, Tensor } = await loadOnnxRuntime();
  const session = await guard(() =>
    InferenceSession.create(path, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      // Products with 8-bit weights round activations to 8 bits too, but not where the weights are not packed.
      extra: { session: { disable_prepacking: '1' } },
    }),
  );
  const int64 = (values: readonly number[]): Tensor =>
    new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
  const caches = session.inputMetadata.flatMap((input): [string, Tensor][] => {
    if (!input.isTensor || !input.name.startsWith('past_key_values.')) return [];
    const sizes = input.shape.map((size, axis) => (axis === 0 ? 1 : typeof size === 'number' ? size : 0));
    const empty =
      input.type === 'float16'
        ? new Tensor(input.type, new Uint16Array(0), sizes)
        : new Tensor('float32', new Float32Array(0), sizes);
    return [[input.name, empty]];
  });
  return {
    logits: async (tokens) => {
      const ids = [...tokens];
      const inputs = {
        ...Object.fromEntries(caches),
        input_ids: int64(ids),
        attention_mask: int64(ids.map(() => 1)),
        position_ids: int64(ids.map((_, position) => position)),
      };
      const outputs = await guard(() => session.run(inputs, ['logits']));
      const data = outputs['logits']?.data;
      if (!(data instanceof Float32Array)) throw new TypeError('the graph gives no float32 logits');
      return data;
    },
    close: () => guard(() => session.release()),
  };
}
