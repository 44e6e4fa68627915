import type { Architecture } from '../../core/model/shape.js';

/** The architecture with half of the first layer's channels gone: one whose layers differ, for asking what loads such shapes. */
export function makeUneven(architecture: Architecture): Architecture {
  return architecture.map((layer, index) => (index === 0 ? { ...layer, ffnChannels: Math.max(1, layer.ffnChannels >> 1) } : layer));
}
