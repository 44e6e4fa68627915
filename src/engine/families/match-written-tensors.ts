import { placeWithoutEmpty } from '../../core/model/without-empty.js';
import type { OpenedExport, OpenedTensor, PrunedModel } from '../../core/ports/exporter.js';
import type { BlockPart } from './family.js';
import { findFamily } from './find-family.js';
import { listTensors, nameBlockTensor, type TensorSpec } from './list-tensors.js';

/** The names that the tensors of a pruned model have in what was written of it; of those that are there. */
export function matchWrittenTensors(
  { shape, architecture }: Pick<PrunedModel, 'shape' | 'architecture'>,
  {
    architecture: written,
    tensors = [],
  }: Pick<OpenedExport, 'architecture'> & { readonly tensors?: readonly Pick<OpenedTensor, 'name'>[] | undefined },
): ReadonlyMap<string, string> {
  const family = findFamily(shape.family);
  const present = new Set(tensors.map(({ name }) => name));
  const places = placeWithoutEmpty(architecture, written);
  const findName = ({ name, layer, part, kind }: TensorSpec): string | undefined => {
    if (layer === undefined) return name;
    const place = places[layer];
    return place === undefined ? undefined : nameBlockTensor(family, place, part as BlockPart, kind);
  };
  return new Map(
    listTensors(family, shape).flatMap((spec): (readonly [string, string])[] => {
      const stored = findName(spec);
      return stored !== undefined && present.has(stored) ? [[spec.name, stored]] : [];
    }),
  );
}
