import { createRequire } from 'node:module';
import { keepTelemetryOff } from './telemetry.js';

export type { InferenceSession, Tensor } from 'onnxruntime-node';

/**
 * ONNX Runtime's binding, loaded on the first call with its telemetry off. All code that computes with it must get it
 * here.
 */
export async function loadOnnxRuntime(): Promise<typeof import('onnxruntime-node')> {
  keepTelemetryOff();
  return import('onnxruntime-node');
}

/** The version from its package.json, which loads nothing native. */
export function readOnnxRuntimeVersion(): string {
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { readonly version: string };
  return version;
}
