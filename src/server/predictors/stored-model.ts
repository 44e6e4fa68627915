import { z } from 'zod';
import type { ErrorTable } from '../../core/features/error-table.js';

/** A stored predictor: what the backend of each metric saved, and the tables of further features. */
export interface StoredModel {
  /** In the order of the predictor's metrics. */
  readonly models: readonly Uint8Array[];
  readonly tables: readonly ErrorTable[];
}

const HEADER = z.object({
  /** Lengths in bytes. */
  models: z.array(z.int().min(0)),
  /** Dimensions, and the number of float32 values of each. */
  tables: z.array(z.object({ dimension: z.string(), length: z.int().min(0) })),
});

/**
 * Layout: length of the header (uint32), header (JSON), then the models and the tables (float32) one after the other;
 * little-endian.
 */
export function encodeStoredModel({ models, tables }: StoredModel): Uint8Array {
  const header: z.output<typeof HEADER> = {
    models: models.map(({ length }) => length),
    tables: tables.map(({ dimension, errors }) => ({ dimension, length: errors.length })),
  };
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([
    length,
    json,
    ...models,
    ...tables.map(({ errors }) => Buffer.from(errors.buffer, errors.byteOffset, errors.byteLength)),
  ]);
}

/** Throws if the bytes were not made by `encodeStoredModel`. */
export function decodeStoredModel(bytes: Uint8Array): StoredModel {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerEnd = 4 + buffer.readUInt32LE(0);
  const { models, tables } = HEADER.parse(JSON.parse(buffer.toString('utf8', 4, headerEnd)));
  let at = headerEnd;
  const take = (length: number): Uint8Array => {
    if (at + length > buffer.length)
      throw new RangeError(`the stored model ends after ${buffer.length} bytes, ${at + length} were expected`);
    at += length;
    return Uint8Array.from(buffer.subarray(at - length, at));
  };
  return {
    models: models.map(take),
    tables: tables.map(({ dimension, length }) => ({ dimension, errors: new Float32Array(take(4 * length).buffer) })),
  };
}
