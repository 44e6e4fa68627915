/** The bytes of numbers, without a copy. All processors that Node.js runs on here are little-endian, as the wire is. */
export function toBytes({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** float64 numbers; undefined if the bytes are no whole numbers. */
export function readFloat64(bytes: Uint8Array): Float64Array | undefined {
  return bytes.length % 8 === 0 ? new Float64Array(copyOf(bytes)) : undefined;
}

/** float32 numbers; undefined if the bytes are no whole numbers. */
export function readFloat32(bytes: Uint8Array): Float32Array | undefined {
  return bytes.length % 4 === 0 ? new Float32Array(copyOf(bytes)) : undefined;
}

/** int32 numbers; undefined if the bytes are no whole numbers. */
export function readInt32(bytes: Uint8Array): Int32Array | undefined {
  return bytes.length % 4 === 0 ? new Int32Array(copyOf(bytes)) : undefined;
}

/** Bytes of a message may begin anywhere, numbers only at a multiple of their size. */
function copyOf({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  return (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength);
}
