import type { Architecture, LayerArchitecture } from '../../core/model/shape.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { findFamily } from '../../engine/families/find-family.js';
import { nameBlockTensor } from '../../engine/families/list-tensors.js';
import type { LanguageModel, RankedRecipe } from '../../engine/language-model.js';
import type { ReplacedTensors } from '../../engine/surgery/prune-model.js';

/**
 * The compensated output maps (o and down) of an architecture under a recipe, by their names in the checkpoint; each is
 * computed when it is written. Empty for a recipe without compensation. Halves that lost nothing are left out; halves
 * that lost everything are included only if the compensation leaves a bias.
 *
 * @param work ends the computing of one with its signal's reason, and is told how far it is
 */
export function listCompensatedTensors(
  language: LanguageModel,
  recipe: RankedRecipe,
  architecture: Architecture,
  work: WorkContext,
): ReplacedTensors {
  const { compensation } = recipe;
  if (compensation === undefined) return new Map();
  const family = findFamily(language.shape.family);
  const { hidden, layers } = language.shape;
  return new Map(
    architecture.flatMap((kept, layer) =>
      listHalves(kept, layers[layer] ?? kept).flatMap(({ half, part, lost }) => {
        const readMap = () => language.outputMap(recipe, { layer, half, architecture }, work);
        const weight = [
          nameBlockTensor(family, layer, part),
          async () => (await readMap()).weight ?? new Float32Array(),
        ] as const;
        const bias = [
          nameBlockTensor(family, layer, part, 'bias'),
          async () => (await readMap()).bias ?? new Float32Array(hidden),
        ] as const;
        return [...(lost === 'some' ? [weight] : []), ...(compensation.plugin.addsBias ? [bias] : [])];
      }),
    ),
  );
}

function listHalves(kept: LayerArchitecture, own: LayerArchitecture) {
  const halves = [
    {
      half: 'attention',
      part: 'output',
      lost: lossOf(kept.kvHeads * kept.queryHeadsPerKv, own.kvHeads * own.queryHeadsPerKv),
    },
    { half: 'ffn', part: 'down', lost: lossOf(kept.ffnChannels, own.ffnChannels) },
  ] as const;
  return halves.filter(({ lost }) => lost !== 'nothing');
}

function lossOf(kept: number, own: number): 'nothing' | 'some' | 'all' {
  if (kept === own) return 'nothing';
  return kept === 0 ? 'all' : 'some';
}
