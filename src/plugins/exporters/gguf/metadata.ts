import { malformed } from '../../../engine/files/model-errors.js';
import type { GgufFile, GgufMetadata } from './read-gguf.js';
import { GGUF_FILE } from './write-gguf.js';

/** The metadata of a file, checked when they are read. All but `has` throw MODEL_MALFORMED. */
export interface Metadata {
  /** Those whose keys begin with the name of the architecture. */
  under(architecture: string): Metadata;
  has(key: string): boolean;
  text(key: string): string;
  /** Finite and above 0. */
  number(key: string): number;
  /** A whole number from 1 to `most`. */
  size(key: string, most: number): number;
  /** Whole numbers from 0 to `most`, one a layer; the file may have one for all. */
  sizes(key: string, layers: number, most: number): readonly number[];
}

export function openMetadata({ metadata }: Pick<GgufFile, 'metadata'>, prefix = ''): Metadata {
  const read = <Value extends GgufMetadata>(
    key: string,
    isFit: (value: GgufMetadata | undefined) => value is Value,
    wanted: string,
  ): Value => {
    const value = metadata.get(prefix + key);
    if (isFit(value)) return value;
    throw malformed(
      GGUF_FILE,
      `${prefix}${key} is ${value === undefined ? 'missing' : String(value).slice(0, 80)}; it must be ${wanted}`,
    );
  };
  return {
    under: (architecture) => openMetadata({ metadata }, `${architecture}.`),
    has: (key) => metadata.has(prefix + key),
    text: (key) => read(key, (value) => typeof value === 'string', 'a text'),
    number: (key) =>
      read(
        key,
        (value): value is number => typeof value === 'number' && value > 0 && value < Infinity,
        'a number above 0',
      ),
    size: (key, most) =>
      read(key, (value): value is number => isCount(value, 1, most), `a whole number from 1 to ${most}`),
    sizes: (key, layers, most) => {
      const value = metadata.get(prefix + key);
      const list = Array.isArray(value) ? value : Array.from({ length: layers }, () => value);
      if (list.length === layers && list.every((count) => isCount(count, 0, most))) return list;
      throw malformed(
        GGUF_FILE,
        `${prefix}${key} must be whole numbers from 0 to ${most}, one for each of ${layers} layers`,
      );
    },
  };
}

function isCount(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}
