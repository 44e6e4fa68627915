import type { Architecture, ModelShape } from '../../../core/model/shape.js';
import { findFamily } from '../../../engine/families/find-family.js';
import type { StockForm } from '../../../engine/families/family.js';
import { findDecilmMisfit } from './decilm-form.js';

/** How a pruned model is written. */
export type ChosenForm =
  | { readonly kind: 'stock'; readonly stock: StockForm }
  | { readonly kind: 'per-layer' | 'decilm' }
  | { readonly kind: 'none'; readonly reason: string };

export type WrittenForm = Exclude<ChosenForm, { readonly kind: 'none' }>;

/**
 * The form of an architecture: stock if stock transformers can build it, unless the options name one.
 *
 * @param shape sizes and biases of the result; its `layers` are not used
 */
export function chooseForm(
  shape: ModelShape,
  architecture: Architecture,
  asked: 'auto' | 'stock' | 'per-layer' | 'decilm',
): ChosenForm {
  if (asked === 'per-layer') return { kind: 'per-layer' };
  if (asked === 'decilm') {
    const reason = findDecilmMisfit(shape, architecture);
    return reason === undefined ? { kind: 'decilm' } : { kind: 'none', reason };
  }
  const stock = findStockForm(shape, architecture);
  if (typeof stock !== 'string') return { kind: 'stock', stock };
  return asked === 'auto'
    ? { kind: 'per-layer' }
    : { kind: 'none', reason: `form stock: ${stock}; use form auto or per-layer` };
}

/** The stock form, or why there is none. */
function findStockForm(shape: ModelShape, architecture: Architecture): StockForm | string {
  const [first] = architecture;
  if (first === undefined) return 'the model has no layers';
  const other = architecture.findIndex(
    (layer) =>
      layer.kvHeads !== first.kvHeads ||
      layer.queryHeadsPerKv !== first.queryHeadsPerKv ||
      layer.ffnChannels !== first.ffnChannels,
  );
  if (other !== -1) return `layers 0 and ${other} have different shapes, which no stock model type can hold`;
  if (first.kvHeads === 0 || first.ffnChannels === 0)
    return 'a half-block is dropped, which no stock model type can hold';
  const queryHeads = first.kvHeads * first.queryHeadsPerKv;
  return (
    findFamily(shape.family).stateStockForm({
      hidden: shape.hidden,
      headDim: shape.headDim,
      queryHeads,
      biases: shape.biases,
    }) ??
    `the stock ${shape.family} model type cannot hold ${queryHeads} query heads at a hidden size of ${shape.hidden} with these biases`
  );
}
