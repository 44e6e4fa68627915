/** A column of bytes as libsql gives it back: an ArrayBuffer, whatever kind of array was stored. */
export type Blob = ArrayBuffer;

/** The bytes of a blob, without a copy. */
export function blobBytes(blob: Blob): Uint8Array {
  return new Uint8Array(blob);
}

/** Numbers as little-endian bytes; all machines that Node runs on are little-endian. */
export function float64Blob(values: Float64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The numbers that `float64Blob` stored. */
export function float64Values(blob: Blob): Float64Array {
  return new Float64Array(blob);
}

/** Numbers as little-endian bytes. */
export function int32Blob(values: Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The numbers that `int32Blob` stored. */
export function int32Values(blob: Blob): Int32Array {
  return new Int32Array(blob);
}

/** Numbers as little-endian bytes. */
export function float32Blob(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The numbers that `float32Blob` stored. */
export function float32Values(blob: Blob): Float32Array {
  return new Float32Array(blob);
}
