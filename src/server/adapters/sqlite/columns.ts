/** A column of bytes as libsql gives it back: an ArrayBuffer, whatever kind of array was stored. */
export type Blob = ArrayBuffer;

/** The bytes of a blob, without a copy. */
export function blobBytes(blob: Blob): Uint8Array {
  return new Uint8Array(blob);
}

/** The bytes of a column that may be empty. */
export function optionalBytes(blob: Blob | null): Uint8Array | undefined {
  return blob === null ? undefined : blobBytes(blob);
}

/** Numbers as little-endian bytes; all machines that Node runs on are little-endian. */
export function numbersBlob(values: Float64Array | Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Marks a number that JSON lacks. No other value that is stored has this one key. */
const MARK = '$number';

/**
 * A plain value as JSON; NaN and the infinities, which the label of a ruined model can have, come back as they were.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, nested: unknown) =>
    typeof nested === 'number' && !Number.isFinite(nested) ? { [MARK]: String(nested) } : nested,
  );
}

/** The value that `toJson` wrote. */
export function fromJson(json: string): unknown {
  return JSON.parse(json, (_key, nested: unknown) =>
    nested !== null && typeof nested === 'object' && MARK in nested ? Number(nested[MARK]) : nested,
  );
}

/** Metrics from JSON. Earlier versions wrote numbers that JSON lacks as texts. */
export function metricsFromJson(json: string): Record<string, number> {
  const stored = fromJson(json) as Record<string, number | string>;
  return Object.fromEntries(Object.entries(stored).map(([name, value]) => [name, Number(value)]));
}
