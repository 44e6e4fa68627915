import type { Architecture, ModelShape } from '../../core/model/shape.js';
import { ExportTarget, type SearchSpaceSpec } from '../../gen/prunecast/v1/common.js';

/** The architecture with half of the first layer's channels gone: one whose layers differ, for asking what loads such shapes. */
export function makeUneven(architecture: Architecture): Architecture {
  return architecture.map((layer, index) => (index === 0 ? { ...layer, ffnChannels: Math.max(1, layer.ffnChannels >> 1) } : layer));
}

/** An architecture of the kind that a space holds: all layers alike, or not. */
export function exampleOf({ layers }: ModelShape, space: SearchSpaceSpec | undefined): Architecture {
  return space?.target === ExportTarget.UNIFORM ? layers : makeUneven(layers);
}
