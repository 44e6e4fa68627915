import { withoutEmpty } from '../../core/model/without-empty.js';
import { architectureOf } from '../../core/model/units.js';
import type { OutputCheck } from '../../gen/prunecast/v1/file.js';
import type { ManifestSelection } from '../requests/decode-manifest.js';
import { failed, passed } from './checks.js';
import type { Source } from './find-source.js';
import type { OpenedFacts } from './open-messages.js';

/** Compares what an export keeps, as it was opened, with its manifest, and its other sizes with its source. */
export function checkSizes(opened: OpenedFacts, selection: ManifestSelection, source: Source | string): OutputCheck {
  const fault = findSizeFault(opened, selection, source);
  return fault === undefined ? passed('sizes', describeSizes(opened)) : failed('sizes', fault);
}

function findSizeFault(
  { architecture, shape }: OpenedFacts,
  { keptUnits }: ManifestSelection,
  source: Source | string,
): string | undefined {
  const [found, stated] = [withoutEmpty(architecture), withoutEmpty(architectureOf(keptUnits))];
  if (found.length !== stated.length)
    return `it has ${found.length} layers that keep something, and prunecast.json says ${stated.length}`;
  for (const [layer, expected] of stated.entries())
    for (const key of ['kvHeads', 'queryHeadsPerKv', 'ffnChannels'] as const)
      if (found[layer]?.[key] !== expected[key])
        return `layer ${layer} of those that keep something has ${found[layer]?.[key]} ${WORDS[key]}, and prunecast.json says ${expected[key]}`;
  if (typeof source === 'string') return undefined;
  const { language, name } = source.model;
  const own = language.shape;
  const other = (['hidden', 'headDim', 'vocabulary'] as const).find((key) => own[key] !== shape[key]);
  return other && `its ${WORDS[other]} is ${shape[other]}, and that of ${name} ${own[other]}`;
}

const WORDS = {
  kvHeads: 'key-value heads',
  queryHeadsPerKv: 'query heads a key-value head',
  ffnChannels: 'FFN channels',
  hidden: 'hidden size',
  headDim: 'head size',
  vocabulary: 'vocabulary',
} as const;

function describeSizes({ architecture, shape, storage }: OpenedFacts): string {
  return `${architecture.length} layers with the heads and channels of prunecast.json, hidden size ${shape.hidden}, ${shape.vocabulary.toLocaleString('en-US')} tokens, weights as ${storage.type}`;
}
