import { setImmediate } from 'node:timers/promises';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import { architectureOf, rankKeptFirst, type KeptUnits, type LayerKeptUnits } from '../../core/model/units.js';
import type { PrunedModel, PrunedTensor, RowRange } from '../../core/ports/exporter.js';
import type { Checkpoint, TensorDtype } from '../checkpoint/checkpoint.js';
import { DTYPE_BYTES, encodeValues } from '../checkpoint/dtype.js';
import { findWrittenDtype } from '../checkpoint/find-written-dtype.js';
import { createSpareMemory, type SpareMemory } from '../checkpoint/piece-memory.js';
import { findNonFinite } from '../checkpoint/read-values.js';
import { listCompanions, MAX_COMPANION_BYTES } from '../checkpoint/list-companions.js';
import type { Family } from '../families/family.js';
import { findFamily } from '../families/find-family.js';
import { listTensors, nameBlockTensor, type TensorSpec } from '../families/list-tensors.js';
import { cutMatrix } from './cut-matrix.js';

export interface PruneRequest {
  readonly checkpoint: Checkpoint;
  /** What is kept of each layer; empty lists drop that half of the block, including its norm. */
  readonly keptUnits: KeptUnits;
  /**
   * Compensated tensors of the pruned model by name (`model.layers.3.mlp.down_proj.weight`), row-major as in Hugging
   * Face files; they are rounded to the source's dtype. They may include a bias of o or down that the model did not
   * have. A function is called when its tensor is written, so that not all tensors have to be in memory at once.
   */
  readonly replace?: ReplacedTensors;
  /** Written into prunecast.json. */
  readonly manifest?: Readonly<Record<string, unknown>>;
}

export type ReplacedTensors = ReadonlyMap<string, Float32Array | (() => Promise<Float32Array>)>;

/** Values rounded in one turn of the event loop. */
const SLICE_VALUES = 1024 * 1024;

/**
 * Cuts a checkpoint's own weights. Nothing is read before a tensor's `read`; weights without compensation keep their
 * bits. The checkpoint must stay open as long as tensors are read.
 *
 * A bias that `replace` adds to one layer is added to all layers, as zeros where it is not given (a bias of down adds
 * those of gate and up too), because families have biases in all layers or in none.
 *
 * If `replace` gives a bias of o or down to a dropped half-block, that bias is all that is left of the half-block, and
 * every other dropped one gets zeros.
 *
 * Throws ARCHITECTURE_INVALID if units do not exist or groups keep different numbers of heads; RangeError for a
 * compensated tensor that the pruned model does not have. Reading a tensor throws VALUES_OUT_OF_RANGE if its dtype
 * cannot hold a compensated or trained value.
 */
export function pruneModel({ checkpoint, keptUnits, replace = new Map(), manifest = {} }: PruneRequest): PrunedModel {
  rankKeptFirst(keptUnits, checkpoint.shape.layers);
  const kept = keptUnits.map(sortUnits);
  const family = findFamily(checkpoint.shape.family);
  const architecture = architectureOf(kept);
  const shape: ModelShape = {
    ...checkpoint.shape,
    ...addBiases(checkpoint.shape, family, architecture, replace),
    layers: architecture,
  };
  const specs = listTensors(family, shape);
  checkReplaced(specs, replace);
  const spares = createSpareMemory();
  return {
    shape,
    architecture,
    keptUnits: kept,
    config: checkpoint.rawConfig,
    sourceDirectory: checkpoint.directory,
    readSource: (file) => checkpoint.files.readBeside(file, MAX_COMPANION_BYTES),
    listCompanions: () => listCompanions(checkpoint.files),
    tensors: specs.map((spec) => prepareTensor(checkpoint, family, spec, kept, replace, spares)),
    manifest,
  };
}

function sortUnits(units: LayerKeptUnits): LayerKeptUnits {
  return {
    kvGroups: ascending(units.kvGroups),
    queryHeads: ascending(units.queryHeads),
    ffnChannels: ascending(units.ffnChannels),
  };
}

function ascending(list: readonly number[]): number[] {
  return [...list].sort((a, b) => a - b);
}

function addBiases(
  shape: ModelShape,
  family: Family,
  architecture: Architecture,
  replace: ReplacedTensors,
): Pick<ModelShape, 'biases' | 'droppedBiases'> {
  const given = (part: 'output' | 'down', kept: boolean): boolean =>
    architecture.some(
      (layer, index) =>
        replace.has(nameBlockTensor(family, index, part, 'bias')) &&
        (part === 'output' ? layer.kvHeads : layer.ffnChannels) > 0 === kept,
    );
  const droppedBiases = shape.droppedBiases === true || given('output', false) || given('down', false);
  return {
    biases: {
      ...shape.biases,
      attentionOutput: shape.biases.attentionOutput || given('output', true),
      ffn: shape.biases.ffn || given('down', true),
    },
    ...(droppedBiases ? { droppedBiases } : {}),
  };
}

function checkReplaced(specs: readonly TensorSpec[], replace: ReplacedTensors): void {
  const names = new Set(specs.map(({ name }) => name));
  const stray = [...replace.keys()].find((name) => !names.has(name));
  if (stray !== undefined) throw new RangeError(`the pruned model has no tensor ${stray} to replace`);
}

function prepareTensor(
  checkpoint: Checkpoint,
  family: Family,
  spec: TensorSpec,
  kept: KeptUnits,
  replace: ReplacedTensors,
  spares: SpareMemory,
): PrunedTensor {
  const { name, shape } = spec;
  const isLeft = isNewlyLeft(checkpoint.shape, spec, kept);
  const entry = isLeft ? undefined : checkpoint.tensors.get(name);
  const dtype = findWrittenDtype(checkpoint, family, spec, isLeft ? 'left-bias' : spec.kind);
  const [writtenRows = 1] = shape;
  const all = { first: 0, count: writtenRows };
  const compensated = replace.get(name);
  if (compensated !== undefined)
    return { name, dtype, shape, read: readCompensated(spec, compensated, dtype, writtenRows) };
  if (entry === undefined) {
    const rowBytes = (countValues(shape) / writtenRows) * DTYPE_BYTES[dtype];
    return { name, dtype, shape, read: async ({ count } = all) => new Uint8Array(count * rowBytes) };
  }
  const [rows = 1, columns = 1] = entry.shape;
  const selected = selectKept(spec, checkpoint.shape, kept);
  const cut = {
    columns,
    keptRows: selected.keptRows?.length === rows ? undefined : selected.keptRows,
    keptColumns: selected.keptColumns?.length === columns ? undefined : selected.keptColumns,
    valueBytes: DTYPE_BYTES[dtype],
  };
  return {
    name,
    dtype,
    shape,
    read: (range = all, memory) =>
      cutMatrix(cut, range, (sourceRows, allocate) => checkpoint.readBytes(name, sourceRows, allocate), spares, memory),
  };
}

/** Computed values are kept until their last row was read. */
function readCompensated(
  spec: TensorSpec,
  compensated: Float32Array | (() => Promise<Float32Array>),
  dtype: TensorDtype,
  rows: number,
): PrunedTensor['read'] {
  let computed: Promise<Float32Array> | undefined;
  return async ({ first, count } = { first: 0, count: rows }) => {
    computed ??= typeof compensated === 'function' ? compensated() : Promise.resolve(compensated);
    const values = await computed;
    if (first + count === rows) computed = undefined;
    return encodeInTurns(spec, values, dtype, { first, count });
  };
}

/**
 * Whether a bias is all that is left of a half-block that the source still has; the bias of that half-block itself
 * means something else.
 */
function isNewlyLeft(shape: ModelShape, { layer, part, kind }: TensorSpec, kept: KeptUnits): boolean {
  if (layer === undefined || kind !== 'bias') return false;
  const [own, units] = [shape.layers[layer], kept[layer]];
  if (part === 'output') return units?.kvGroups.length === 0 && (own?.kvHeads ?? 0) > 0;
  return part === 'down' && units?.ffnChannels.length === 0 && (own?.ffnChannels ?? 0) > 0;
}

/** Which rows and columns of a source tensor are kept: those of the kept units. */
function selectKept(
  spec: TensorSpec,
  shape: ModelShape,
  kept: KeptUnits,
): { keptRows: Int32Array | undefined; keptColumns: Int32Array | undefined } {
  const units = spec.layer === undefined ? undefined : kept[spec.layer];
  if (units === undefined) return { keptRows: undefined, keptColumns: undefined };
  switch (spec.part) {
    case 'query':
      return { keptRows: spread(units.queryHeads, shape.headDim), keptColumns: undefined };
    case 'key':
    case 'value':
      return { keptRows: spread(units.kvGroups, shape.headDim), keptColumns: undefined };
    case 'gate':
    case 'up':
      return { keptRows: spread(units.ffnChannels, 1), keptColumns: undefined };
    case 'output':
      return {
        keptRows: undefined,
        keptColumns: spec.kind === 'bias' ? undefined : spread(units.queryHeads, shape.headDim),
      };
    case 'down':
      return { keptRows: undefined, keptColumns: spec.kind === 'bias' ? undefined : spread(units.ffnChannels, 1) };
    default:
      return { keptRows: undefined, keptColumns: undefined };
  }
}

/** The rows of units that have `width` rows each. */
function spread(units: readonly number[], width: number): Int32Array {
  const rows = new Int32Array(units.length * width);
  units.forEach((unit, index) => {
    for (let i = 0; i < width; i += 1) rows[index * width + i] = unit * width + i;
  });
  return rows;
}

async function encodeInTurns(
  { name, shape }: TensorSpec,
  values: Float32Array,
  dtype: TensorDtype,
  { first, count }: RowRange,
): Promise<Uint8Array> {
  if (values.length !== countValues(shape))
    throw new RangeError(`${name} has ${countValues(shape)} values, but ${values.length} were given`);
  const width = values.length / (shape[0] ?? 1);
  const [start, end] = [first * width, (first + count) * width];
  const bytes = new Uint8Array((end - start) * DTYPE_BYTES[dtype]);
  for (let from = start; from < end; from += SLICE_VALUES) {
    if (from > start) await setImmediate();
    const slice = values.subarray(from, Math.min(end, from + SLICE_VALUES));
    const encoded = encodeValues(slice, dtype);
    const bad = findNonFinite(encoded, dtype);
    if (bad !== -1) throw outOfRange(name, dtype, from + bad, slice[bad] as number);
    bytes.set(encoded, (from - start) * DTYPE_BYTES[dtype]);
  }
  return bytes;
}

function outOfRange(tensor: string, dtype: TensorDtype, index: number, value: number): PrunecastError {
  const cure =
    dtype === 'F32'
      ? ''
      : ', or save the checkpoint in a wider dtype and prune that (BF16 or F32: from_pretrained(folder, dtype="float32").save_pretrained(other))';
  return new PrunecastError(
    'VALUES_OUT_OF_RANGE',
    `${tensor}: the compensated or trained value at ${index} is ${value}, which ${dtype}, the dtype of the checkpoint, cannot hold: use compensation none, more damping or a lower rate, or train at a lower learning rate${cure}`,
    { metadata: { tensor, dtype, index: String(index), value: String(value) } },
  );
}

function countValues(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
