import { compareLogits, mostShare, type LogitComparison } from '../../core/compare-logits.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { WeightStorage } from '../../core/ports/exporter.js';
import { DTYPE_ROUNDING } from '../../engine/checkpoint/dtype.js';
import type { RankedRecipe } from '../../engine/language-model.js';
import type { LogitDifference, OutputCheck } from '../../gen/prunecast/v1/file.js';
import { workContext, type PartContext } from '../kinds/job-context.js';
import type { OpenModel } from '../models/open-models.js';
import type { ExpectedWeights } from './check-weights.js';
import { failed, passed } from './checks.js';
import type { OpenedFacts } from './open-messages.js';
import type { OpenThread } from './open-thread.js';
import { tellTime } from './tell-time.js';

/**
 * Compares the logits of an export, as its format's software computes them, with the engine's. Where weights were not
 * rounded, those are the engine's of the source, which it cuts in a way of its own. Where they were, they are the
 * engine's of the weights that the export has, which are compared with the source's one by one; how far rounding has
 * moved the logits is told beside it, and is no fault: in a heavily pruned model of 4 bits it may be all.
 */
export async function checkLogits(
  thread: OpenThread,
  opened: OpenedFacts,
  {
    model,
    recipe,
    pruned,
    names,
  }: Pick<ExpectedWeights, 'pruned' | 'names'> & {
    readonly model: OpenModel;
    readonly recipe: RankedRecipe;
  },
  context: PartContext,
): Promise<OutputCheck> {
  const { language } = model;
  const tokens = await takeTokens(model);
  const found = await tellTime(context, 'computing its logits', (work) => thread.call('logits', tokens, work)).catch(
    (error: unknown) => {
      context.signal.throwIfAborted();
      if (error instanceof PrunecastError) return error.message;
      throw error;
    },
  );
  if (typeof found === 'string') return failed('logits', `cannot be computed: ${found}`);
  const compare = (expected: Float32Array): LogitComparison =>
    compareLogits(expected, found, language.shape.vocabulary);
  const ofSource = compare(
    await language.logits(
      tokens,
      { architecture: pruned.architecture, recipe },
      workContext(context, 'computing those of the source'),
    ),
  );
  const rounding = findRounding(model, opened.storage, recipe.compensation !== undefined);
  if (rounding === 0 || opened.tensors === undefined) return judge(ofSource, mostShare(rounding), 'its source');
  const config = { ...language.checkpoint.config, shape: pruned.shape };
  const ofWeights = compare(
    await thread.call(
      'engineLogits',
      { config, names, tokens },
      workContext(context, 'computing those of the same weights'),
    ),
  );
  return judge(ofWeights, mostShare(0), 'the same weights', { type: opened.storage.type, cost: ofSource });
}

function judge(
  { agreements, ...compared }: LogitComparison,
  limit: number,
  what: string,
  rounded?: { readonly type: string; readonly cost: LogitComparison },
): OutputCheck {
  const { tokens, most, share } = compared;
  const logits: LogitDifference = { ...compared, agreements, shareLimit: limit };
  const finding = `of ${tokens} tokens: root mean square difference ${percent(share)} of their spread from what the engine computes of ${what} (at most ${percent(limit)}), largest difference ${most.toPrecision(3)}, the same next token after ${agreements}`;
  const cost =
    rounded === undefined
      ? ''
      : `; rounding to ${rounded.type} itself moves them by ${percent(rounded.cost.share)}, and leaves the same next token after ${rounded.cost.agreements}`;
  const place = { logits, ...(rounded === undefined ? {} : { unrounded: { ...rounded.cost, shareLimit: 0 } }) };
  return share <= limit ? passed('logits', finding + cost, place) : failed('logits', finding + cost, place);
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}

/** Its words are common: any tokenizer has them. */
const PASSAGE =
  'Once upon a time, there was a little girl who lived in a small house near the woods. One day she found a box with a key in it, and she wanted to know which door the key would open.';

const MOST_TOKENS = 64;

/** What the logits are computed of: a passage, or without a tokenizer tokens from all over the vocabulary. */
async function takeTokens({ language, tokenizer }: OpenModel): Promise<Int32Array> {
  const { vocabulary } = language.shape;
  const count = Math.min(MOST_TOKENS, language.checkpoint.config.maxPositions);
  if (tokenizer !== undefined) return (await tokenizer.encode(PASSAGE)).slice(0, count);
  return Int32Array.from({ length: count }, (_, index) => (index * 7919) % vocabulary);
}

/** How far the stored weights may be from those that the engine computes with; 0 if they are the same. */
function findRounding(source: OpenModel, storage: WeightStorage, isMended: boolean): number {
  const own = [...source.language.checkpoint.tensors.values()].reduce(
    (most, { dtype }) => Math.max(most, DTYPE_ROUNDING[dtype]),
    0,
  );
  // The same type, and F32, hold the source's weights as they are.
  const isExact = storage.rounding === own || storage.rounding <= DTYPE_ROUNDING.F32;
  const converted = isExact ? 0 : storage.rounding;
  return Math.max(converted, isMended ? own : 0);
}
