import type { FileHandle } from 'node:fs/promises';
import type { ModelShape } from '../../core/model/shape.js';
import { openScratchFile, readFully, writeFully } from '../files/read-write.js';

/** A half-block of a model. */
export interface HalfPlace {
  readonly layer: number;
  readonly half: 'attention' | 'ffn';
}

/**
 * Gram matrices of calibrations: X^T X / tokens of the inputs of o and of down, float32 [width, width] row-major, units
 * in the model's own order. They are in memory as far as the limit allows, otherwise on disk. Only a few calibrations
 * are kept; the least recently used one is dropped first.
 */
export interface GramStore {
  /** Starts the matrices of one calibration, all zeros. */
  open(key: string): void;
  has(key: string): boolean;
  /** Drops the matrices of one calibration. */
  discard(key: string): void;
  /** Bytes of all matrices, including those of a calibration `key` that is not stored yet. */
  bytesWith(key?: string): number;
  /** Adds `factor` times these values to a matrix. */
  add(key: string, place: HalfPlace, values: Float64Array, factor: number): Promise<void>;
  /** undefined: the key is unknown. A matrix that is read from disk is a copy for the caller. */
  read(key: string, place: HalfPlace): Promise<Float32Array | undefined>;
  /** Sets how many bytes may be in memory; what exceeds them goes to disk at once. */
  limit(bytes: number): Promise<void>;
  /** Bytes in memory. */
  heldBytes(): number;
  close(): Promise<void>;
}

export interface GramStoreOptions {
  /** Most bytes in memory until `limit` is called. */
  readonly limitBytes: number;
  /** Folder for an unnamed file that is used when memory is not enough. */
  readonly directory: string;
}

/**
 * Most calibrations that are kept. Recipes of a study rarely differ in their calibration text; on disk the matrices of
 * a 7B model take 18 GB.
 */
const MOST_CALIBRATIONS = 4;

export function createGramStore(
  { layers, headDim }: ModelShape,
  { limitBytes, directory }: GramStoreOptions,
): GramStore {
  const { offsets, bytes: calibrationBytes } = layOut(
    layers.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({
      attention: kvHeads * queryHeadsPerKv * headDim,
      ffn: ffnChannels,
    })),
  );
  /** By calibration, the least recently used first: its matrices in memory, and its place on disk. */
  const calibrations = new Map<
    string,
    { readonly slot: number; readonly inMemory: Map<string, Float32Array>; readonly onDisk: Set<string> }
  >();
  let file: Promise<FileHandle> | undefined;
  let allowed = limitBytes;

  const positionOf = (slot: number, place: HalfPlace): { readonly position: number; readonly values: number } => {
    const { offset, values } = offsets.get(nameHalf(place)) ?? { offset: 0, values: 0 };
    return { position: slot * calibrationBytes + offset, values };
  };
  const countMemory = (): number =>
    [...calibrations.values()].reduce(
      (sum, { inMemory }) => [...inMemory.values()].reduce((bytes, { byteLength }) => bytes + byteLength, sum),
      0,
    );
  const writeMatrix = async (slot: number, place: HalfPlace, matrix: Float32Array): Promise<void> => {
    file ??= openScratchFile(directory);
    await writeFully(
      await file,
      new Uint8Array(matrix.buffer, matrix.byteOffset, matrix.byteLength),
      positionOf(slot, place).position,
    );
  };
  const readMatrix = async (slot: number, place: HalfPlace): Promise<Float32Array> => {
    const { position, values } = positionOf(slot, place);
    const matrix = new Float32Array(values);
    if (file !== undefined) await readFully(await file, new Uint8Array(matrix.buffer), position, 'the scratch file');
    return matrix;
  };
  const findFreeSlot = (): number => {
    const taken = new Set(Array.from(calibrations.values(), ({ slot }) => slot));
    return Array.from({ length: MOST_CALIBRATIONS }, (_, slot) => slot).find((slot) => !taken.has(slot)) ?? 0;
  };

  return {
    open: (key) => {
      calibrations.delete(key);
      for (const oldest of calibrations.keys()) {
        if (calibrations.size < MOST_CALIBRATIONS) break;
        calibrations.delete(oldest);
      }
      calibrations.set(key, { slot: findFreeSlot(), inMemory: new Map(), onDisk: new Set() });
    },
    has: (key) => calibrations.has(key),
    discard: (key) => void calibrations.delete(key),
    bytesWith: (key) =>
      calibrationBytes *
      Math.min(MOST_CALIBRATIONS, calibrations.size + (key === undefined || calibrations.has(key) ? 0 : 1)),
    add: async (key, place, values, factor) => {
      const calibration = calibrations.get(key);
      if (calibration === undefined) throw new RangeError('no Gram matrices were opened under this key');
      const { slot, inMemory, onDisk } = calibration;
      const name = nameHalf(place);
      const matrix = onDisk.has(name)
        ? await readMatrix(slot, place)
        : (inMemory.get(name) ?? new Float32Array(values.length));
      for (let at = 0; at < matrix.length; at++) matrix[at] = (matrix[at] as number) + (values[at] as number) * factor;
      if (inMemory.has(name)) return;
      if (!onDisk.has(name) && countMemory() + matrix.byteLength <= allowed) inMemory.set(name, matrix);
      else {
        await writeMatrix(slot, place, matrix);
        onDisk.add(name);
      }
    },
    heldBytes: countMemory,
    read: async (key, place) => {
      const calibration = calibrations.get(key);
      if (calibration === undefined) return undefined;
      calibrations.delete(key);
      calibrations.set(key, calibration); // now the most recently used
      return calibration.inMemory.get(nameHalf(place)) ?? (await readMatrix(calibration.slot, place));
    },
    limit: async (bytes) => {
      allowed = bytes;
      for (const { slot, inMemory, onDisk } of calibrations.values()) {
        for (const [name, matrix] of inMemory) {
          if (countMemory() <= allowed) return;
          await writeMatrix(slot, parseHalf(name), matrix);
          onDisk.add(name);
          inMemory.delete(name);
        }
      }
    },
    close: async () => {
      calibrations.clear();
      await (await file)?.close();
    },
  };
}

/** Where each matrix lies among those of a calibration. */
function layOut(widths: readonly { readonly attention: number; readonly ffn: number }[]): {
  readonly offsets: ReadonlyMap<string, { readonly offset: number; readonly values: number }>;
  readonly bytes: number;
} {
  const offsets = new Map<string, { readonly offset: number; readonly values: number }>();
  let bytes = 0;
  for (const [layer, sizes] of widths.entries()) {
    for (const half of ['attention', 'ffn'] as const) {
      const values = sizes[half] ** 2;
      offsets.set(nameHalf({ layer, half }), { offset: bytes, values });
      bytes += 4 * values;
    }
  }
  return { offsets, bytes };
}

/** A half-block's name among those of a model. */
export function nameHalf({ layer, half }: HalfPlace): string {
  return `${layer}:${half}`;
}

/** The half-block that `nameHalf` gave this name. */
export function parseHalf(name: string): HalfPlace {
  const [layer = '', half] = name.split(':');
  return { layer: Number(layer), half: half === 'attention' ? 'attention' : 'ffn' };
}
