import { loadOnnxRuntime, type InferenceSession, type Tensor } from '../../onnx-runtime/load-onnx-runtime.js';

/** A float32 or integer array with its shape. */
export interface GraphValue {
  readonly values: Float32Array | Float64Array | Int32Array | BigInt64Array | Int8Array | Uint8Array;
  readonly dimensions: readonly number[];
}

/** Compiled graphs, by key. */
export interface SessionPool {
  /**
   * Runs a graph; `build` creates it on its first use. `outputs` are written to; the promise settles when they are
   * complete. Inputs and outputs are read and written in place, nothing is copied.
   *
   * ONNX Runtime's binding runs on the calling thread and blocks it, so call this only in a worker thread.
   */
  run(
    key: string,
    build: () => Uint8Array,
    inputs: Readonly<Record<string, GraphValue>>,
    outputs: Readonly<Record<string, GraphValue>>,
  ): Promise<void>;
  /**
   * Lets this many compiled graphs keep their working memory between runs, which saves a tenth of the time of small
   * ones; with 0 each run frees its memory.
   */
  keep(sessions: number): Promise<void>;
  /** Runs later graphs with this many threads; how many is fixed when a graph is compiled, so each is compiled again. */
  useThreads(threads: number): void;
  close(): Promise<void>;
}

export interface SessionPoolOptions {
  readonly threads: number;
  /**
   * Compiled graphs that are kept, each with its own threads and working memory, until `keep` is called; 12 by default.
   */
  readonly capacity?: number;
  /** Calls each run of a graph, so that the owner of the thread can hold it back; by default it runs at once. */
  readonly guard?: (run: () => Promise<void>) => Promise<void>;
}

/** Loads ONNX Runtime on its first run. */
export function createSessionPool({
  threads: firstThreads,
  capacity = MOST_SESSIONS,
  guard = (run) => run(),
}: SessionPoolOptions): SessionPool {
  const sessions = new Map<string, InferenceSession>();
  let kept = capacity;
  let threads = firstThreads;
  const most = (): number => (kept === 0 ? MOST_SESSIONS : kept);

  const release = async (limit: number): Promise<void> => {
    for (const [key, session] of sessions) {
      if (sessions.size <= limit) return;
      sessions.delete(key);
      await session.release();
    }
  };

  const openSession = async (name: string, build: () => Uint8Array): Promise<InferenceSession> => {
    const key = `${threads} ${name}`;
    const known = sessions.get(key);
    sessions.delete(key);
    const session = known ?? (await compileGraph(build(), threads, kept === 0 ? 'returned' : 'kept'));
    sessions.set(key, session); // last in the map = most recently used
    await release(most());
    return session;
  };

  return {
    run: (key, build, inputs, outputs) =>
      guard(async () => {
        const session = await openSession(key, build);
        const { Tensor: TensorClass } = await loadOnnxRuntime();
        await session.run(toTensors(TensorClass, inputs), toTensors(TensorClass, outputs));
      }),
    keep: async (count) => {
      // How a session handles its memory is fixed when it is compiled.
      const changed = (kept === 0) !== (count === 0);
      kept = count;
      await release(changed ? 0 : most());
    },
    useThreads: (count) => {
      threads = count;
    },
    close: () => release(0),
  };
}

const MOST_SESSIONS = 12;

async function compileGraph(
  graph: Uint8Array,
  threads: number,
  memory: 'kept' | 'returned',
): Promise<InferenceSession> {
  const { InferenceSession } = await loadOnnxRuntime();
  return InferenceSession.create(graph, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 3,
    enableCpuMemArena: memory === 'kept',
    // A session has its own threads. If they spin, they take a core from the next session's threads: a factor of four
    // over nine sessions.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });
}

function toTensors(TensorClass: typeof Tensor, values: Readonly<Record<string, GraphValue>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(values).map(([name, { values: array, dimensions }]) => [
      name,
      toTensor(TensorClass, array, dimensions),
    ]),
  );
}

function toTensor(TensorClass: typeof Tensor, array: GraphValue['values'], dimensions: readonly number[]): Tensor {
  if (array instanceof Float32Array) return new TensorClass('float32', array, dimensions);
  if (array instanceof Float64Array) return new TensorClass('float64', array, dimensions);
  if (array instanceof Int32Array) return new TensorClass('int32', array, dimensions);
  if (array instanceof Int8Array) return new TensorClass('int8', array, dimensions);
  if (array instanceof Uint8Array) return new TensorClass('uint8', array, dimensions);
  return new TensorClass('int64', array, dimensions);
}
