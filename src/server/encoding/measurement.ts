import { describeFidelity, type Fidelity, type Measurement } from '../../core/measurement.js';
import { digestOf } from '../../engine/files/digest.js';
import type { Fidelity as FidelityMessage, Measurement as MeasurementMessage } from '../../gen/prunecast/v1/common.js';
import { PRECISION_CODES } from '../requests/codes.js';
import type { PlannedWindows } from '../requests/plan-document.js';

/** SHA-256 over all that is measured: only labels of equal fingerprints can be compared. */
export function measurementFingerprint(measurement: Measurement): string {
  return digestOf(measurement);
}

/** SHA-256 over what tells the items apart, and the precision. */
export function fidelityDigest(fidelity: Fidelity): string {
  return digestOf(describeFidelity(fidelity));
}

export function encodeMeasurement(measurement: Measurement): MeasurementMessage {
  return { ...measurement, fingerprint: measurementFingerprint(measurement) };
}

export function encodeFidelity(fidelity: Fidelity): FidelityMessage {
  const { tokens, items, precision } = fidelity;
  return encodePlannedFidelity({ tokens, windows: items.length, precision, digest: fidelityDigest(fidelity) });
}

/** A fidelity in the form of plans. */
export function encodePlannedFidelity({
  tokens,
  windows,
  precision,
  digest,
}: PlannedWindows['fidelity']): FidelityMessage {
  return { tokens: BigInt(tokens), windows, precision: PRECISION_CODES[precision], digest };
}
