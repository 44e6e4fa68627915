import type { Architecture, LayerArchitecture, ModelShape } from '../../core/model/shape.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { withFitShares } from '../../engine/compensation/breathing.js';
import { listStreamFits } from '../../engine/compensation/list-stream-fits.js';
import { findFamily } from '../../engine/families/find-family.js';
import { nameBlockTensor } from '../../engine/families/list-tensors.js';
import type { LanguageModel, RankedRecipe } from '../../engine/language-model.js';
import type { ReplacedTensors } from '../../engine/surgery/prune-model.js';
import { INPUT_PARTS, type MapPart, OUTPUT_PART } from '../../engine/weights/map-parts.js';
import type { ResolvedPlugin } from '../requests/plugin-lookup.js';
import { refitOf } from '../requests/recipe.js';

/** A tensor that an architecture has of its own under a recipe: a map of a half-block, or its bias. */
interface OwnTensor {
  /** In the checkpoint. */
  readonly name: string;
  readonly layer: number;
  readonly part: MapPart;
  readonly kind: 'weight' | 'bias';
}

/** What an architecture's weights are computed by, beside being cut. */
export interface ComputedBy {
  readonly compensation: Pick<ResolvedPlugin<'compensation'>, 'plugin' | 'options'> | undefined;
  readonly isTrained: boolean;
}

/**
 * The tensors that are computed for an architecture. After a training these are all maps of its kept halves. Maps that
 * are as they were are left out: those of halves that lost nothing, unless a fit on the stream changes them. Halves that
 * lost everything are included only if the compensation leaves a bias.
 */
export function listOwnTensors(
  { family: name, layers }: Pick<ModelShape, 'family' | 'layers'>,
  architecture: Architecture,
  { compensation: asked, isTrained }: ComputedBy,
): OwnTensor[] {
  const compensation = asked?.plugin.leavesWeights === true ? undefined : asked;
  if (compensation === undefined && !isTrained) return [];
  const family = findFamily(name);
  return listStreamFits(layers, architecture, (compensation && refitOf(compensation)) ?? 'pruned').flatMap((fit) => {
    const { layer, half } = fit;
    const tensor = (part: MapPart, kind: OwnTensor['kind'] = 'weight'): OwnTensor => ({
      name: nameBlockTensor(family, layer, part, kind),
      layer,
      part,
      kind,
    });
    const kept = countKept(architecture[layer], half);
    const isOwn = isTrained && kept > 0;
    return [
      ...(fit.inputs || isOwn ? INPUT_PARTS[half].map((part) => tensor(part)) : []),
      ...(fit.output || isOwn ? [tensor(OUTPUT_PART[half])] : []),
      ...(compensation?.plugin.addsBias === true && kept < countKept(layers[layer], half)
        ? [tensor(OUTPUT_PART[half], 'bias')]
        : []),
    ];
  });
}

/**
 * The same tensors by their names; each is computed when it is written.
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
  const compute = async ({ layer, part, kind }: OwnTensor): Promise<Float32Array> => {
    const map = await language.blockMap(recipe, { layer, part, architecture }, workOn(layer, part));
    return kind === 'bias' ? (map.bias ?? new Float32Array(hidden)) : (map.weight ?? new Float32Array());
  };
  return new Map(
    listOwnTensors(language.shape, architecture, { compensation, isTrained: trained !== undefined }).map((tensor) => [
      tensor.name,
      () => compute(tensor),
    ]),
  );
}

function countKept(kept: LayerArchitecture | undefined, half: 'attention' | 'ffn'): number {
  if (kept === undefined) return 0;
  return half === 'ffn' ? kept.ffnChannels : kept.kvHeads * kept.queryHeadsPerKv;
}
