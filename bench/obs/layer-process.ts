import type { TransposedProduct } from '../../src/core/ports/compensation.js';
import { createSessionPool } from '../../src/engine/graph/session-pool.js';
import { createTransposedProduct } from '../../src/engine/graph/transposed-product.js';
import { eliminateUnits } from '../../src/engine/ranking/eliminate-units.js';
import { eliminateTogether } from './eliminate-together.js';
import { readError, REMOVED_SHARES } from './removed-shares.js';
import { drawHalf } from './random-half.js';

/** What a process of its own ranks, so that its peak memory is that of the ranking. */
export interface LayerRequest {
  readonly rows: number;
  readonly hidden: number;
  /** Channels that go between two looks at the costs; 1: the criterion `obs` itself. */
  readonly together: number;
  readonly threads: number;
}

export interface LayerFigures {
  readonly wall_seconds: number;
  /** Of all threads. */
  readonly cpu_seconds: number;
  /** What as many operations take as products of large float64 matrices: the mean of before and after. */
  readonly bare_cpu_seconds: number;
  /** Floating-point operations of its matrix products. */
  readonly operations: number;
  /** Of the whole process. */
  readonly peak_bytes: number;
  /** By the share of channels that are removed. */
  readonly errors: Readonly<Record<string, number>>;
}

const DAMPING = 0.01;
const BARE_SIZE = 2048;

process.once('message', (request: LayerRequest) => {
  void measureLayer(request).then((figures) => process.send?.(figures, () => process.disconnect()));
});

async function measureLayer({ rows, hidden, together, threads }: LayerRequest): Promise<LayerFigures> {
  const multiplyTransposed = createTransposedProduct(createSessionPool({ threads }));
  let operations = 0;
  const counted: TransposedProduct = (a, b, sizes) => {
    operations += 2 * sizes.inner * sizes.rows * sizes.columns;
    return multiplyTransposed(a, b, sizes);
  };
  const half = { ...(await drawHalf(rows, hidden, multiplyTransposed)), multiplyTransposed: counted };
  const before = await measureBare(multiplyTransposed);
  const [begun, begunCpu] = [performance.now(), countCpuSeconds()];
  const errors = await (together === 1
    ? eliminateUnits(half, rows, DAMPING)
    : eliminateTogether(half, DAMPING, together));
  const [wall, cpu] = [(performance.now() - begun) / 1000, countCpuSeconds() - begunCpu];
  const peakBytes = 1024 * process.resourceUsage().maxRSS;
  const after = await measureBare(multiplyTransposed);
  return {
    wall_seconds: wall,
    cpu_seconds: cpu,
    bare_cpu_seconds: (operations * (before + after)) / 2,
    operations,
    peak_bytes: peakBytes,
    errors: Object.fromEntries(REMOVED_SHARES.map((share) => [share, readError(errors, share)])),
  };
}

/** CPU seconds of an operation. */
async function measureBare(multiplyTransposed: TransposedProduct): Promise<number> {
  const matrix = new Float64Array(BARE_SIZE ** 2).fill(0.5);
  const sizes = { inner: BARE_SIZE, rows: BARE_SIZE, columns: BARE_SIZE };
  await multiplyTransposed(matrix, matrix, sizes); // compiles
  const begun = countCpuSeconds();
  for (let run = 0; run < 4; run++) await multiplyTransposed(matrix, matrix, sizes);
  return (countCpuSeconds() - begun) / (4 * 2 * BARE_SIZE ** 3);
}

function countCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
