import type { Architecture, LayerArchitecture } from '../../core/model/shape.js';
import type { Compensation } from '../../core/ports/compensation.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { withFitShares } from '../../engine/compensation/breathing.js';
import { listStreamFits } from '../../engine/compensation/list-stream-fits.js';
import { findFamily } from '../../engine/families/find-family.js';
import { nameBlockTensor } from '../../engine/families/list-tensors.js';
import type { LanguageModel, RankedRecipe } from '../../engine/language-model.js';
import type { ReplacedTensors } from '../../engine/surgery/prune-model.js';
import { INPUT_PARTS, type MapPart, OUTPUT_PART } from '../../engine/weights/map-parts.js';
import { refitOf } from '../requests/recipe.js';

/**
 * Whether compensated tensors are worth keeping for the next exporter: a compensation that asks for no statistics, such
 * as none, only copies or scales them.
 */
export function takesLong(compensation: { readonly plugin: Pick<Compensation, 'needs'> } | undefined): boolean {
  return compensation !== undefined && compensation.plugin.needs.length > 0;
}

/**
 * The maps that an architecture has of its own under a recipe, by their names in the checkpoint; each is computed when it
 * is written. After a training these are all maps of its kept halves. Empty for a recipe without compensation. Maps that are as they were are left out: those of halves that lost
 * nothing, unless a fit on the stream changes them. Halves that lost everything are included only if the compensation
 * leaves a bias.
 *
 * @param work ends the computing of one with its signal's reason, and is told how far it is
 */
export function listCompensatedTensors(
  language: LanguageModel,
  recipe: RankedRecipe,
  architecture: Architecture,
  work: WorkContext,
): ReplacedTensors {
  const { compensation, trained } = recipe;
  if (compensation === undefined && trained === undefined) return new Map();
  const family = findFamily(language.shape.family);
  const { hidden, layers } = language.shape;
  /** A fit that takes long tells which layer of how many it is for. */
  const workOn = (layer: number, part: MapPart): WorkContext =>
    withFitShares(work, (share) =>
      work.report?.({
        what: 'layers',
        done: layer + ((part === OUTPUT_PART.ffn ? 1 : 0) + share) / 2,
        total: layers.length,
      }),
    );
  const readMap = (layer: number, part: MapPart) =>
    language.blockMap(recipe, { layer, part, architecture }, workOn(layer, part));
  const weight = (layer: number, part: MapPart) =>
    [
      nameBlockTensor(family, layer, part),
      async () => (await readMap(layer, part)).weight ?? new Float32Array(),
    ] as const;
  const bias = (layer: number, part: MapPart) =>
    [
      nameBlockTensor(family, layer, part, 'bias'),
      async () => (await readMap(layer, part)).bias ?? new Float32Array(hidden),
    ] as const;
  return new Map(
    listStreamFits(layers, architecture, (compensation && refitOf(compensation)) ?? 'pruned').flatMap((fit) => {
      const { layer, half } = fit;
      const isTrained = trained !== undefined && countKept(architecture[layer], half) > 0;
      const [output, inputs] = [fit.output || isTrained, fit.inputs || isTrained];
      return [
        ...(inputs ? INPUT_PARTS[half].map((part) => weight(layer, part)) : []),
        ...(output ? [weight(layer, OUTPUT_PART[half])] : []),
        ...(compensation?.plugin.addsBias === true &&
        countKept(architecture[layer], half) < countKept(layers[layer], half)
          ? [bias(layer, OUTPUT_PART[half])]
          : []),
      ];
    }),
  );
}

function countKept(kept: LayerArchitecture | undefined, half: 'attention' | 'ffn'): number {
  if (kept === undefined) return 0;
  return half === 'ffn' ? kept.ffnChannels : kept.kvHeads * kept.queryHeadsPerKv;
}
