import type { Architecture } from './shape.js';

/** The architecture as a short text, equal for equal architectures: the last part of a label's key. */
export function architectureKey(architecture: Architecture): string {
  return architecture
    .map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => `${kvHeads}.${queryHeadsPerKv}.${ffnChannels}`)
    .join(' ');
}
