import type { Architecture, LayerArchitecture } from '../../core/model/shape.js';
import { findFamily } from '../../engine/families/find-family.js';
import { nameBlockTensor } from '../../engine/families/list-tensors.js';
import type { LanguageModel, SubjectRecipe } from '../../engine/language-model.js';
import type { ReplacedTensors } from '../../engine/surgery/prune-model.js';

/**
 * The output maps (o and down) that a recipe mends in an architecture, by their names in the checkpoint; each is computed
 * when it is written. Empty under a recipe without compensation. Halves that lost nothing, or all, are not among them.
 */
export function listMendedTensors(language: LanguageModel, recipe: SubjectRecipe, architecture: Architecture): ReplacedTensors {
  const { compensation } = recipe;
  if (compensation === undefined) return new Map();
  const family = findFamily(language.shape.family);
  const { hidden, layers } = language.shape;
  return new Map(architecture.flatMap((kept, layer) => listHalves(kept, layers[layer]).flatMap(({ half, part }) => {
    const mend = () => language.mend(recipe, { layer, half, architecture });
    const weight = [nameBlockTensor(family, layer, part), async () => (await mend()).weight ?? new Float32Array()] as const;
    const bias = [nameBlockTensor(family, layer, part, 'bias'), async () => (await mend()).bias ?? new Float32Array(hidden)] as const;
    return compensation.plugin.addsBias ? [weight, bias] : [weight];
  })));
}

function listHalves(kept: LayerArchitecture, own: LayerArchitecture | undefined) {
  const lostHeads = kept.kvHeads > 0 && kept.kvHeads * kept.queryHeadsPerKv < (own?.kvHeads ?? 0) * (own?.queryHeadsPerKv ?? 0);
  const lostChannels = kept.ffnChannels > 0 && kept.ffnChannels < (own?.ffnChannels ?? 0);
  return [
    ...(lostHeads ? [{ half: 'attention', part: 'output' } as const] : []),
    ...(lostChannels ? [{ half: 'ffn', part: 'down' } as const] : []),
  ];
}
