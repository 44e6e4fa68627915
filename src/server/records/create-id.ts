import { randomBytes } from 'node:crypto';

/** A new id: what it names, and 64 random bits in hex: `job-5f0c…`. */
export function createId(
  prefix: 'job' | 'study' | 'server' | 'predictor' | 'error' | 'output' | 'turn' | 'upload',
): string {
  return `${prefix}-${randomBytes(8).toString('hex')}`;
}
