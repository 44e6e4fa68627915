import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Precision as PrecisionName } from '../../core/measurement.js';
import type { EvaluationText, WindowProtocol } from '../../core/ports/evaluator.js';
import { Precision, type FidelitySpec, type WindowProtocol as WindowProtocolMessage } from '../../gen/prunecast/v1/common.js';

const DEFAULT_WINDOW = 128;

/**
 * How a request cuts its text into windows.
 *
 * @param maxPositions positions that the model was made for: max_position_embeddings of its config.json
 * @param fields the paths of the protocol and the fidelity in the request
 * @throws PrunecastError INVALID_REQUEST naming the field
 */
export function decodeProtocol(
  message: WindowProtocolMessage | undefined,
  fidelity: FidelitySpec | undefined,
  text: EvaluationText,
  maxPositions: number,
  fields: { readonly windows: string; readonly fidelity: string },
): WindowProtocol {
  const window = message?.window ?? DEFAULT_WINDOW;
  const stride = message?.stride ?? window;
  const bos = message?.bos ?? false;
  const least = bos ? 3 : 2;
  if (window < least) throw PrunecastError.ofField(`${fields.windows}.window`, `is ${window}; at least ${least} tokens are needed to predict one of the text`);
  if (window > maxPositions) throw PrunecastError.ofField(`${fields.windows}.window`, `is ${window}; the model was made for ${maxPositions} positions (max_position_embeddings), and what lies beyond them measures nothing`);
  if (stride < 1 || stride > window) throw PrunecastError.ofField(`${fields.windows}.stride`, `is ${stride}; allowed is 1 to the window, ${window}`);
  if (bos && text.bosToken === undefined) throw PrunecastError.ofField(`${fields.windows}.bos`, "the model's config.json names no bos_token_id of its vocabulary: leave BOS off");
  return { window, stride, bos, ...decodeFidelity(fidelity, window, fields.fidelity) };
}

const PRECISIONS: Readonly<Record<number, PrecisionName | undefined>> = {
  [Precision.UNSPECIFIED]: 'float32',
  [Precision.FLOAT32]: 'float32',
  [Precision.INT8]: 'int8',
};

function decodeFidelity(fidelity: FidelitySpec | undefined, window: number, field: string): Pick<WindowProtocol, 'tokenLimit' | 'precision'> {
  if (fidelity === undefined) return {};
  const precision = PRECISIONS[fidelity.precision];
  if (precision === undefined) throw PrunecastError.ofField(`${field}.precision`, `is ${fidelity.precision}; allowed are the values of Precision`);
  if (fidelity.tokenLimit === undefined) return { precision };
  if (fidelity.tokenLimit < window) throw PrunecastError.ofField(`${field}.token_limit`, `is ${fidelity.tokenLimit}; at least one window of ${window} tokens is needed`);
  return { tokenLimit: Number(fidelity.tokenLimit), precision };
}
