import type { WeightDifference } from '../../core/compare-weights.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PrunedModel, PrunedTensor } from '../../core/ports/exporter.js';
import { DTYPE_BYTES } from '../../engine/checkpoint/dtype.js';
import { createPieceMemory } from '../../engine/checkpoint/piece-memory.js';
import { readPieces } from '../../engine/checkpoint/read-pieces.js';
import type { OutputCheck, WeightComparison } from '../../gen/prunecast/v1/file.js';
import { workContext, type PartContext } from '../kinds/job-context.js';
import { failed, passed } from './checks.js';
import type { OpenedFacts } from './open-messages.js';
import type { OpenThread } from './open-thread.js';

/** What the weights of an export are compared with. */
export interface ExpectedWeights {
  readonly pruned: PrunedModel;
  /** What stands in the export for each of its tensors, see `matchWrittenTensors`. */
  readonly names: ReadonlyMap<string, string>;
  /** Tensors that a compensation has computed. */
  readonly compensated: ReadonlySet<string>;
}

/**
 * How far compensated weights may be from those that are computed again, as a share of the largest of their row. On the same
 * machine they are the same; another one sums in another order, and what is rounded to bfloat16 may then be a step away.
 */
const COMPENSATED_LEEWAY = 2 ** -7;

/** Most tensors at fault that a finding tells of. */
const MOST_TOLD = 3;

/**
 * Compares every weight of an export, as its exporter reads it back, with the source's that was cut, and compensated, in the
 * same way: it must be as near as rounding to its type leaves it. Each is read a few rows at a time.
 */
export async function checkWeights(
  thread: OpenThread,
  { tensors = [], storage }: OpenedFacts,
  { pruned, names, compensated }: ExpectedWeights,
  context: PartContext,
): Promise<OutputCheck> {
  const work = workContext(context, 'comparing the weights');
  const matched = new Set(names.values());
  const strays = tensors.filter(({ name }) => !matched.has(name));
  const compared = [
    ...pruned.tensors.map((tensor) => ({
      tensor,
      stored: tensors.find(({ name }) => name === names.get(tensor.name)),
    })),
    // An export may have zeros where the model has nothing.
    ...strays.map((stored) => ({ tensor: makeZeros(stored), stored })),
  ];
  const total = compared.reduce((sum, { tensor }) => sum + countBytes(tensor), 0);
  const memory = createPieceMemory();
  const faults: Fault[] = [];
  let done = 0;
  for (const { tensor, stored } of compared) {
    const { name, shape, dtype } = tensor;
    const values = shape.reduce((product, size) => product * size, 1);
    if (stored !== undefined && stored.shape.join() !== shape.join()) {
      faults.push({ name, what: `is [${stored.shape.join(', ')}] in place of [${shape.join(', ')}]` });
      continue;
    }
    const width = values / Math.max(1, shape[0] ?? 1);
    const rowBytes = width * DTYPE_BYTES[dtype];
    let found: WeightDifference | undefined;
    let first = 0;
    for await (const bytes of readPieces(tensor, countBytes(tensor), memory)) {
      const rows = { first, count: rowBytes === 0 ? 0 : bytes.length / rowBytes };
      const argument = { tensor: stored?.name, rows, width, expected: { dtype, bytes } };
      const leeway = compensated.has(name) ? COMPENSATED_LEEWAY : 0;
      const wrong = await thread.call('compare', { ...argument, leeway }, work).catch((error: unknown) => {
        context.signal.throwIfAborted();
        if (error instanceof PrunecastError) return error.message;
        throw error;
      });
      if (typeof wrong === 'string') return failed('weights', `cannot be read back: ${wrong}`);
      found = join(found, wrong, first * width);
      first += rows.count;
      done += bytes.length;
      work.report?.({ what: 'bytes', done, total });
    }
    if (found !== undefined) faults.push({ name, what: describe(found, values, width) });
  }
  const weights: WeightComparison = {
    tensors: compared.length,
    values: BigInt(compared.reduce((sum, { tensor }) => sum + countBytes(tensor) / DTYPE_BYTES[tensor.dtype], 0)),
    wrong: faults.map(({ name }) => name),
  };
  if (faults.length === 0)
    return passed(
      'weights',
      `all ${weights.values.toLocaleString('en-US')} values in ${compared.length} tensors are those of the source, pruned and compensated in the same way, as near as rounding to ${storage.type} leaves them`,
      { weights },
    );
  const told = faults.slice(0, MOST_TOLD).map(({ name, what }) => `${name} ${what}`);
  const more = faults.length > told.length ? `; and ${faults.length - told.length} more` : '';
  return failed(
    'weights',
    `${faults.length} of ${compared.length} tensors have values that rounding does not explain: ${told.join('; ')}${more}`,
    { weights },
  );
}

interface Fault {
  readonly name: string;
  readonly what: string;
}

function countBytes({ shape, dtype }: Pick<PrunedTensor, 'shape' | 'dtype'>): number {
  return shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
}

function makeZeros({ name, shape }: { readonly name: string; readonly shape: readonly number[] }): PrunedTensor {
  const rowBytes = countBytes({ shape: shape.slice(1), dtype: 'F32' });
  return {
    name,
    shape,
    dtype: 'F32',
    read: async (rows) => new Uint8Array((rows?.count ?? shape[0] ?? 1) * rowBytes),
  };
}

/** @param before values of the tensor before those in which `next` was found */
function join(
  found: WeightDifference | undefined,
  next: WeightDifference | undefined,
  before: number,
): WeightDifference | undefined {
  if (next === undefined) return found;
  const { first, count } = next;
  return found === undefined
    ? { count, first: { ...first, index: first.index + before } }
    : { ...found, count: found.count + count };
}

function describe(
  { count, first: { index, stored, expected } }: WeightDifference,
  values: number,
  width: number,
): string {
  const place = width === 1 ? `${index}` : `${Math.floor(index / width)}, ${index % width}`;
  return `has ${count} of ${values}, the first at [${place}]: ${stored.toPrecision(4)} in place of ${expected.toPrecision(4)}`;
}
