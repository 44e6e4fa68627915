import type { Architecture, LayerArchitecture } from './shape.js';

/** An architecture without the layers that keep nothing, which some formats leave out. */
export function withoutEmpty(architecture: Architecture): Architecture {
  return architecture.filter((layer) => !isEmpty(layer));
}

/**
 * Where each layer of an architecture stands in what was written of it, if that has left out layers that keep nothing;
 * undefined for those.
 */
export function placeWithoutEmpty(architecture: Architecture, written: Architecture): readonly (number | undefined)[] {
  if (architecture.length === written.length) return architecture.map((_, layer) => layer);
  const filled = [...written.keys()].filter((layer) => !isEmpty(written[layer]));
  return architecture.map((layer) => (isEmpty(layer) ? undefined : filled.shift()));
}

function isEmpty(layer: LayerArchitecture | undefined): boolean {
  return layer === undefined || (layer.kvHeads === 0 && layer.ffnChannels === 0);
}
