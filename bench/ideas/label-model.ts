import { readFile } from 'node:fs/promises';
import { appendFileSync } from 'node:fs';
import type { ErrorTable } from '../../src/core/features/error-table.js';
import type { Budget } from '../../src/core/budget/budget.js';
import type { EvaluationPlan, EvaluationText } from '../../src/core/ports/evaluator.js';
import { countScored } from '../../src/core/sequence.js';
import { countsKey, decodeCounts, type Counts, type SearchSpace } from '../../src/core/space/search-space.js';
import perplexity from '../../src/plugins/evaluators/perplexity.js';
import type { TrialPoint } from '../../src/search/study/trial.js';
import { DEFAULT_TEXT_SHARES, EFFORTS } from '../../src/server/requests/defaults.js';
import { openPrunedModel } from '../open-pruned-model.js';

/** What a point is measured on. */
type Fidelity = Pick<TrialPoint, 'part' | 'rung'>;

/** A label: the summed loss of each window, and how many tokens each window scores. */
export interface Label {
  readonly losses: readonly number[];
  readonly scored: number;
}

/** A model under the default recipe that labels points of the space of one budget; each point is measured once. */
export interface LabelModel {
  readonly space: SearchSpace;
  readonly budgets: readonly Budget[];
  /** The calibration errors that predictors see. */
  readonly tables: readonly ErrorTable[];
  readonly calibrationTokens: number;
  tokensOf(fidelity: Fidelity): number;
  /** In the order of the points. */
  label(points: readonly Counts[], fidelity: Fidelity): Promise<Label[]>;
  close(): Promise<void>;
}

/**
 * Opens a model as a Search with one text does: search, verify and report each on their part of it.
 *
 * @param spec.remove share of the parameters to remove
 * @param spec.cache a file that keeps the labels, one a line
 */
export async function openLabelModel({
  directory,
  text: file,
  remove,
  cache,
}: {
  readonly directory: string;
  readonly text: string;
  readonly remove: number;
  readonly cache: string | undefined;
}): Promise<LabelModel> {
  const work = { signal: new AbortController().signal };
  const { model, text, subject, space, budgets, tables, calibrationTokens } = await openPrunedModel({
    directory,
    text: file,
    remove,
  });
  const plans = planWindows(text);
  // Labels are of architectures: those of other budgets are found too.
  const labels = await readLabels(cache);
  const prefix = `${model.checkpoint.digest.slice(0, 12)} ${text.digest.slice(0, 12)}`;
  const planOf = ({ part, rung }: Fidelity): EvaluationPlan => {
    const plan = plans[part][rung];
    if (plan === undefined) throw new RangeError(`the ${part} windows have no fidelity ${rung}`);
    return plan;
  };
  return {
    space,
    budgets,
    tables,
    calibrationTokens,
    tokensOf: (fidelity) => planOf(fidelity).fidelity.tokens,
    label: async (points, fidelity) => {
      const plan = planOf(fidelity);
      const architectures = points.map((counts) => decodeCounts(space, counts));
      const keys = architectures.map(
        (layers) =>
          `${prefix} ${fidelity.part} ${plan.fidelity.tokens} ${countsKey(layers.flatMap((own) => [own.kvHeads, own.ffnChannels]))}`,
      );
      const missing = keys.flatMap((key, index) => (labels.has(key) ? [] : [index]));
      const asked = missing.map((index) => architectures[index] ?? []);
      const { sequences } = plan;
      for await (const { index, losses } of subject.observe(asked, { sequences }, work)) {
        const key = keys[missing[index] ?? -1] ?? '';
        const label = { losses: [...losses], scored: countScored(sequences) };
        labels.set(key, label);
        if (cache !== undefined) appendFileSync(cache, `${JSON.stringify([key, label])}\n`);
      }
      return keys.map((key) => {
        const label = labels.get(key);
        if (label === undefined) throw new Error(`no label for ${key}`);
        return label;
      });
    },
    close: () => model.close(),
  };
}

/** The windows of a study with default effort; the report has all of its part. */
function planWindows(text: EvaluationText): Readonly<Record<TrialPoint['part'], readonly EvaluationPlan[]>> {
  const plan = (part: TrialPoint['part'], tokenLimit?: bigint): EvaluationPlan =>
    perplexity.plan(
      text,
      {
        window: 128,
        stride: 128,
        bos: text.bosToken !== undefined,
        part: DEFAULT_TEXT_SHARES[part],
        ...(tokenLimit === undefined ? {} : { tokenLimit: Number(tokenLimit) }),
      },
      {},
    );
  const { pairTokens, verifyTokens } = EFFORTS.default;
  return {
    search: [plan('search', pairTokens)],
    verify: verifyTokens.map((tokens) => plan('verify', tokens)),
    report: [plan('report')],
  };
}

async function readLabels(cache: string | undefined): Promise<Map<string, Label>> {
  const stored = cache === undefined ? '' : await readFile(cache, 'utf8').catch(() => '');
  const lines = stored.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => JSON.parse(line) as [string, Label]));
}
