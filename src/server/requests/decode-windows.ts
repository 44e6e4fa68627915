import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Precision as PrecisionName } from '../../core/measurement.js';
import { atField } from '../../core/errors/at-field.js';
import type {
  EvaluationPlan,
  EvaluationText,
  Evaluator,
  TextEvaluator,
  WindowProtocol,
} from '../../core/ports/evaluator.js';
import { MOST_WINDOW_TOKENS, MOST_WINDOWS } from '../../plugins/evaluators/windows/plan-windows.js';
import {
  Precision,
  type FidelitySpec,
  type WindowProtocol as WindowProtocolMessage,
} from '../../gen/prunecast/v1/common.js';
import { DEFAULT_WINDOWS } from './defaults.js';
import type { RequestModel } from './services.js';
import { findConvention, windowOf } from './window-preset.js';

/** The evaluator of a request, with complete options. */
export interface ChosenEvaluator {
  readonly plugin: Evaluator;
  readonly options: unknown;
}

/** How a request cuts a text into windows, with the paths of these settings. */
export interface AskedWindows {
  readonly text: EvaluationText;
  readonly windows: WindowProtocolMessage | undefined;
  readonly fidelity: FidelitySpec | undefined;
  /** The part of the text: the half-open range [from, to) as shares of its windows; all of it by default. */
  readonly part?: { readonly from: number; readonly to: number };
  readonly fields: { readonly text: string; readonly windows: string; readonly fidelity: string };
}

/**
 * The windows that an evaluator cuts a text into, in a precision that both it and the CPU support.
 *
 * @throws PrunecastError INVALID_REQUEST naming the field, TEXT_TOO_SHORT, PRECISION_UNAVAILABLE
 */
export async function planWindows(
  model: Pick<RequestModel, 'maxPositions' | 'requirePrecision'>,
  { plugin, options }: { readonly plugin: TextEvaluator; readonly options: unknown },
  { text, windows, fidelity, part, fields }: AskedWindows,
): Promise<EvaluationPlan> {
  const protocol = decodeProtocol(windows, fidelity, text, model.maxPositions, fields);
  const plan = cut(plugin, text, part === undefined ? protocol : { ...protocol, part }, options, fields.text);
  const asked = protocol.precision ?? 'float32';
  const { precision } = plan.fidelity;
  if (precision !== asked)
    throw PrunecastError.ofField(
      `${fields.fidelity}.precision`,
      `is ${asked}; the evaluator "${plugin.id}" measures only in ${precision}`,
    );
  await model.requirePrecision(precision);
  return plan;
}

function cut(
  evaluator: TextEvaluator,
  text: EvaluationText,
  protocol: WindowProtocol,
  options: unknown,
  field: string,
): EvaluationPlan {
  try {
    return evaluator.plan(text, protocol, options);
  } catch (error) {
    throw atField(error, field);
  }
}

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
  const convention = findConvention(message, fields.windows);
  const window =
    message?.window ?? (convention === undefined ? DEFAULT_WINDOWS.window : windowOf(convention, maxPositions));
  const stride = message?.stride ?? window;
  const bos = message?.bos ?? (convention?.bos === 'of-model' ? text.bosToken !== undefined : DEFAULT_WINDOWS.bos);
  const least = bos ? 3 : 2;
  if (window < least)
    throw PrunecastError.ofField(
      `${fields.windows}.window`,
      `is ${window}; at least ${least} tokens are needed to predict one of the text`,
    );
  if (window > maxPositions)
    throw PrunecastError.ofField(
      `${fields.windows}.window`,
      `is ${window}; the model was made for ${maxPositions} positions (max_position_embeddings), and losses beyond them say nothing`,
    );
  if (stride < 1 || stride > window)
    throw PrunecastError.ofField(`${fields.windows}.stride`, `is ${stride}; allowed is 1 to the window, ${window}`);
  if (bos && text.bosToken === undefined)
    throw PrunecastError.ofField(
      `${fields.windows}.bos`,
      "the model's config.json has no bos_token_id within its vocabulary: leave BOS off",
    );
  const decoded = decodeFidelity(fidelity, window, fields.fidelity);
  requireFewWindows(text, { window, stride, bos, ...decoded }, fields.windows);
  return { window, stride, bos, ...decoded };
}

function requireFewWindows(
  text: EvaluationText,
  { window, stride, bos, tokenLimit = Infinity }: WindowProtocol,
  field: string,
): void {
  const width = bos ? window - 1 : window; // in tokens of the text
  const cut = Math.floor((text.tokens.length - width) / Math.min(stride, width)) + 1;
  const windows = Math.min(Math.max(0, cut), Math.floor(tokenLimit / window));
  if (windows <= MOST_WINDOWS && windows * window <= MOST_WINDOW_TOKENS) return;
  const [name, most] = [
    stride < window ? 'stride' : 'window',
    windows > MOST_WINDOWS ? `${MOST_WINDOWS} windows` : `${MOST_WINDOW_TOKENS} tokens in windows`,
  ];
  throw PrunecastError.ofField(
    `${field}.${name}`,
    `is ${stride}, which cuts the text of ${text.tokens.length} tokens into ${windows} windows of ${window}; at most ${most} are taken: set a token_limit, send a shorter text${name === 'stride' ? ', or take a larger stride' : ''}`,
  );
}

const PRECISIONS: Readonly<Record<number, PrecisionName | undefined>> = {
  [Precision.UNSPECIFIED]: 'float32',
  [Precision.FLOAT32]: 'float32',
  [Precision.INT8]: 'int8',
};

/** The arithmetic that a request asks for. Throws INVALID_REQUEST. */
export function decodePrecision(fidelity: FidelitySpec | undefined, field: string): PrecisionName {
  const asked = fidelity?.precision ?? Precision.UNSPECIFIED;
  const precision = PRECISIONS[asked];
  if (precision === undefined)
    throw PrunecastError.ofField(`${field}.precision`, `is ${asked}; allowed are the values of Precision`);
  return precision;
}

function decodeFidelity(
  fidelity: FidelitySpec | undefined,
  window: number,
  field: string,
): Pick<WindowProtocol, 'tokenLimit' | 'precision'> {
  if (fidelity === undefined) return {};
  const precision = decodePrecision(fidelity, field);
  if (fidelity.tokenLimit === undefined) return { precision };
  if (fidelity.tokenLimit < window)
    throw PrunecastError.ofField(
      `${field}.token_limit`,
      `is ${fidelity.tokenLimit}; at least one window of ${window} tokens is needed`,
    );
  return { tokenLimit: Number(fidelity.tokenLimit), precision };
}
