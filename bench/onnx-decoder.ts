import { loadOnnxRuntime } from '../src/onnx-runtime/load-onnx-runtime.js';

/** Tokens of a batch, all rows of one length; padding is undefined: in its place stands the row's last token. */
export type Batch = readonly (readonly (number | undefined)[])[];

/** A decoder graph in ONNX Runtime, on one thread. */
export interface OnnxDecoder {
  /** Names of its inputs with their sizes. */
  readonly inputs: ReadonlyMap<string, readonly (number | string)[]>;
  readonly outputs: readonly string[];
  /**
   * Runs a batch in steps of so many tokens, each with the cache of those before; all at once by default. Returns the
   * logits of each row, [length, vocabulary].
   */
  run(batch: Batch, steps?: readonly number[]): Promise<Float32Array[]>;
}

/** A graph for as long as `use` runs. */
export async function withOnnxDecoder<Result>(
  path: string,
  use: (decoder: OnnxDecoder) => Promise<Result>,
): Promise<Result> {
  const { InferenceSession, Tensor } = await loadOnnxRuntime();
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  type Values = Record<string, InstanceType<typeof Tensor>>;
  const metadata = session.inputMetadata.flatMap((input) => (input.isTensor ? [input] : []));
  const int64 = (rows: readonly (readonly number[])[]): InstanceType<typeof Tensor> =>
    new Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]?.length ?? 0]);
  const emptyCache = (batch: number): Values =>
    Object.fromEntries(
      metadata
        .filter(({ name }) => name.startsWith('past_key_values.'))
        .map(({ name, type, shape }) => {
          const dims = shape.map((size) => (typeof size === 'number' ? size : size === 'batch_size' ? batch : 0));
          return [
            name,
            type === 'float16'
              ? new Tensor(type, new Uint16Array(0), dims)
              : new Tensor('float32', new Float32Array(0), dims),
          ];
        }),
    );
  try {
    return await use({
      inputs: new Map(metadata.map(({ name, shape }) => [name, shape])),
      outputs: session.outputNames,
      run: async (batch, steps = [batch[0]?.length ?? 0]) => {
        const parts: Float32Array[][] = batch.map(() => []);
        let cache = emptyCache(batch.length);
        let from = 0;
        for (const step of steps) {
          const to = from + step;
          const present = batch.map((row) => row.slice(0, to).map((token) => (token === undefined ? 0 : 1)));
          const outputs = await session.run({
            ...cache,
            input_ids: int64(batch.map((row) => row.slice(from, to).map((token) => token ?? row.at(-1) ?? 0))),
            attention_mask: int64(present),
            position_ids: int64(present.map((row) => countBefore(row).slice(from))),
          });
          const { data, dims } = outputs['logits'] as InstanceType<typeof Tensor>;
          const width = step * (dims[2] ?? NaN);
          for (const [row, of] of parts.entries())
            of.push((data as Float32Array).slice(row * width, (row + 1) * width));
          cache = Object.fromEntries(
            Object.entries(outputs)
              .filter(([name]) => name.startsWith('present.'))
              .map(([name, value]) => [
                name.replace('present', 'past_key_values'),
                value as InstanceType<typeof Tensor>,
              ]),
          );
          from = to;
        }
        return parts.map(concatenate);
      },
    });
  } finally {
    await session.release();
  }
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The position of each token, as transformers counts them; 1 for padding. */
function countBefore(present: readonly number[]): number[] {
  let count = 0;
  return present.map((is) => (is === 1 ? count++ : 1));
}
