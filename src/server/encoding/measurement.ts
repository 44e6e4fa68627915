import type { Fidelity, Measurement, Precision } from '../../core/measurement.js';
import { digestOf } from '../../engine/files/digest.js';
import {
  Precision as PrecisionCode,
  type Fidelity as FidelityMessage,
  type Measurement as MeasurementMessage,
} from '../../gen/prunecast/v1/common.js';

/** SHA-256 over all that is measured: labels compare only at equal fingerprints. */
export function measurementFingerprint(measurement: Measurement): string {
  return digestOf(measurement);
}

/** SHA-256 over the windows' positions and the precision. */
export function fidelityDigest(fidelity: Fidelity): string {
  return digestOf(fidelity);
}

export function encodeMeasurement(measurement: Measurement): MeasurementMessage {
  return { ...measurement, fingerprint: measurementFingerprint(measurement) };
}

export function encodeFidelity(fidelity: Fidelity): FidelityMessage {
  return {
    tokens: BigInt(fidelity.tokens),
    windows: fidelity.windowStarts.length,
    precision: PRECISION_CODES[fidelity.precision],
    digest: fidelityDigest(fidelity),
  };
}

const PRECISION_CODES = {
  float32: PrecisionCode.FLOAT32,
  int8: PrecisionCode.INT8,
} as const satisfies Record<Precision, PrecisionCode>;
