import { KERNELS } from './kernels-wasm.js';

/*
 * The loops of assembly/kernels.ts, for bytes of any length. They are passed through the memory of the module a part at a
 * time, so that it stays small and in the processor's cache.
 */

/** Bytes of a value of each type of floats. */
export const FLOAT_BYTES = { F32: 4, F16: 2, BF16: 2 } as const;

export type FloatType = keyof typeof FLOAT_BYTES;

/** A type of blocks of 32 values, as ggml has it. */
export type BlockType = 'Q8_0' | 'Q4_0';

/** Values of a block. */
export const BLOCK_VALUES = 32;

/** A step as float16, and 8 or 4 bits of each value. */
export const BLOCK_BYTES = { Q8_0: 34, Q4_0: 18 } as const satisfies Record<BlockType, number>;

/**
 * Writes the values of `source` into `target`, rounded to nearest, ties to even; too large ones become infinite. Returns
 * whether all that is written is finite.
 */
export function convertBytes(source: Uint8Array, from: FloatType, target: Uint8Array, to: FloatType): boolean {
  const kernels = load();
  let allFinite = true;
  const [fromBytes, toBytes] = [FLOAT_BYTES[from], FLOAT_BYTES[to]];
  const values = source.length / fromBytes;
  for (let first = 0; first < values; first += PART_VALUES) {
    const count = Math.min(PART_VALUES, values - first);
    kernels.bytes.set(source.subarray(first * fromBytes, (first + count) * fromBytes), INPUT);
    const place = convert(kernels, from, to, count);
    target.set(kernels.bytes.subarray(place, place + count * toBytes), first * toBytes);
    if (scan(kernels, place, count * toBytes, to)) allFinite = false;
  }
  return allFinite;
}

/** Whether one of the values is NaN or infinite. */
export function hasNonFinite(bytes: Uint8Array, dtype: FloatType): boolean {
  const kernels = load();
  for (let first = 0; first < bytes.length; first += PART_BYTES) {
    const part = bytes.subarray(first, first + PART_BYTES);
    kernels.bytes.set(part, INPUT);
    if (scan(kernels, INPUT, part.length, dtype)) return true;
  }
  return false;
}

/**
 * Quantises values in blocks, as ggml's reference does, and returns the largest magnitude of a step, which may be more
 * than its float16 holds.
 *
 * @param source whole blocks of values
 * @param target as many blocks
 */
export function quantiseBlocks(source: Uint8Array, from: FloatType, target: Uint8Array, type: BlockType): number {
  const kernels = load();
  const valueBytes = FLOAT_BYTES[from];
  const values = source.length / valueBytes;
  let largest = 0;
  for (let first = 0; first < values; first += PART_VALUES) {
    const count = Math.min(PART_VALUES, values - first);
    const blocks = count / BLOCK_VALUES;
    kernels.bytes.set(source.subarray(first * valueBytes, (first + count) * valueBytes), INPUT);
    const floats = widen(kernels, INPUT, from, count);
    const step = kernels[QUANTISERS[type]](floats, OUTPUT, blocks);
    largest = Math.max(largest, step);
    const bytes = kernels.bytes.subarray(OUTPUT, OUTPUT + blocks * BLOCK_BYTES[type]);
    target.set(bytes, (first / BLOCK_VALUES) * BLOCK_BYTES[type]);
  }
  return largest;
}

/** Copies some columns of a row of a matrix. */
export type CopyColumns = (row: Uint8Array, target: Uint8Array) => void;

/**
 * Prepares to copy columns of rows, bit for bit; what it returns is good until the next call.
 *
 * @param columns of a row
 * @param kept their places, in the order of the copy
 */
export function prepareColumns(columns: number, kept: Int32Array, valueBytes: 2 | 4): CopyColumns {
  const kernels = load();
  const list = INPUT;
  const row = align(list + 4 * (kept.length + GATHERED_VALUES));
  const copy = align(row + columns * valueBytes);
  kernels.reserve(copy + (kept.length + GATHERED_VALUES) * valueBytes);
  kernels.bytes.set(new Uint8Array(kept.buffer, kept.byteOffset, kept.byteLength), list);
  kernels.bytes.fill(0, list + kept.byteLength, list + kept.byteLength + 4 * GATHERED_VALUES);
  const gather = valueBytes === 2 ? kernels.gather16 : kernels.gather32;
  return (source, target) => {
    kernels.bytes.set(source, row);
    gather(row, list, copy, kept.length);
    target.set(kernels.bytes.subarray(copy, copy + target.length));
  };
}

/** 32 bits at a time, one value or two: the bits of their exponents, the lowest of each, and where all of them carry to. */
const WORD_BITS = {
  F32: { exponents: 0x7f800000, lowest: 0x00800000, carries: 0x80000000 },
  F16: { exponents: 0x7c007c00, lowest: 0x04000400, carries: 0x80008000 },
  BF16: { exponents: 0x7f807f80, lowest: 0x00800080, carries: 0x80008000 },
} as const satisfies Record<FloatType, unknown>;

const QUANTISERS = { Q8_0: 'quantiseQ8', Q4_0: 'quantiseQ4' } as const satisfies Record<BlockType, keyof Kernels>;

/** What is passed through at a time: a multiple of every vector and block. */
const PART_VALUES = 32 * 1024;
const PART_BYTES = 4 * PART_VALUES;

/** Bytes of a turn of `hasNonFinite`, and values of one of `gather16`. */
const SCAN_BYTES = 64;
const GATHERED_VALUES = 4;

/** Places in the memory; the module itself has nothing there. */
const PAGE_BYTES = 64 * 1024;
const INPUT = PAGE_BYTES;
const MIDDLE = INPUT + PART_BYTES;
const OUTPUT = MIDDLE + PART_BYTES;
const MEMORY_BYTES = OUTPUT + PART_BYTES;

type Convert = (from: number, to: number, values: number) => void;
type Gather = (row: number, columns: number, to: number, count: number) => void;
type Quantise = (from: number, to: number, blocks: number) => number;

interface Exports {
  readonly halfToFloat: Convert;
  readonly bfloatToFloat: Convert;
  readonly floatToHalf: Convert;
  readonly floatToBfloat: Convert;
  readonly bfloatToHalf: Convert;
  readonly gather16: Gather;
  readonly gather32: Gather;
  readonly quantiseQ8: Quantise;
  readonly quantiseQ4: Quantise;
  readonly hasNonFinite: (from: number, bytes: number, exponents: number, lowest: number, carries: number) => number;
}

interface Kernels extends Exports {
  /** All of the memory, as it is now. */
  readonly bytes: Uint8Array;
  /** Lets the memory have so many bytes at least. */
  reserve(bytes: number): void;
}

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** The part of the global of this name that is used: no library of types for Node has it. */
declare const WebAssembly: {
  readonly Memory: new (limits: { readonly initial: number }) => Memory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

let loaded: Kernels | undefined;

/** Once per thread, on first use. */
function load(): Kernels {
  if (loaded !== undefined) return loaded;
  const memory = new WebAssembly.Memory({ initial: MEMORY_BYTES / PAGE_BYTES });
  const module = new WebAssembly.Module(Buffer.from(KERNELS, 'base64'));
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  let bytes = new Uint8Array(memory.buffer);
  loaded = {
    ...(exports as Exports),
    get bytes() {
      return bytes;
    },
    reserve: (wanted) => {
      if (wanted <= bytes.length) return;
      memory.grow(Math.ceil((wanted - bytes.length) / PAGE_BYTES));
      bytes = new Uint8Array(memory.buffer);
    },
  };
  return loaded;
}

function scan(kernels: Kernels, place: number, bytes: number, dtype: FloatType): boolean {
  const { exponents, lowest, carries } = WORD_BITS[dtype];
  const rounded = Math.ceil(bytes / SCAN_BYTES) * SCAN_BYTES;
  kernels.bytes.fill(0, place + bytes, place + rounded);
  return kernels.hasNonFinite(place, rounded, exponents, lowest, carries) !== 0;
}

/** Converts the input; returns where it is then. */
function convert(kernels: Kernels, from: FloatType, to: FloatType, values: number): number {
  if (from !== 'BF16' || to !== 'F16') return narrow(kernels, widen(kernels, INPUT, from, values), to, values);
  kernels.bfloatToHalf(INPUT, OUTPUT, values);
  return OUTPUT;
}

/** As float32; returns where they are. */
function widen(kernels: Kernels, place: number, dtype: FloatType, values: number): number {
  if (dtype === 'F32') return place;
  (dtype === 'F16' ? kernels.halfToFloat : kernels.bfloatToFloat)(place, MIDDLE, values);
  return MIDDLE;
}

/** From float32; returns where they are. */
function narrow(kernels: Kernels, place: number, dtype: FloatType, values: number): number {
  if (dtype === 'F32') return place;
  (dtype === 'F16' ? kernels.floatToHalf : kernels.floatToBfloat)(place, OUTPUT, values);
  return OUTPUT;
}

function align(place: number): number {
  return Math.ceil(place / 16) * 16;
}
