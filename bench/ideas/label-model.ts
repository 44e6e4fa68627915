import { readFile } from 'node:fs/promises';
import { appendFileSync } from 'node:fs';
import type { ErrorTable } from '../../src/core/features/error-table.js';
import type { Budget } from '../../src/core/budget/budget.js';
import type { EvaluationPlan, EvaluationText } from '../../src/core/ports/evaluator.js';
import { countScored } from '../../src/core/sequence.js';
import { countsKey, decodeCounts, type Counts, type SearchSpace } from '../../src/core/space/search-space.js';
import { openCheckpoint } from '../../src/engine/checkpoint/open-checkpoint.js';
import { createCheckpointFiles } from '../../src/engine/files/checkpoint-files.js';
import { digestBytes } from '../../src/engine/files/digest.js';
import type { RankedRecipe } from '../../src/engine/language-model.js';
import { openLanguageModel } from '../../src/engine/open-language-model.js';
import { rankUnits } from '../../src/engine/ranking/rank-units.js';
import { detectThreads } from '../../src/engine/runtime/resource-limits.js';
import { loadTokenizer } from '../../src/engine/tokenizer/tokenizer.js';
import type { Compensation } from '../../src/core/ports/compensation.js';
import type { Criterion } from '../../src/core/ports/criterion.js';
import { BUILTIN_PLUGINS } from '../../src/plugins/builtin/list.js';
import perplexity from '../../src/plugins/evaluators/perplexity.js';
import { measureCost } from '../../src/core/budget/cost-model.js';
import { createCostModel } from '../../src/core/budget/cost-spec.js';
import type { TrialPoint } from '../../src/search/study/trial.js';
import { listErrorTables } from '../../src/server/predictors/measure-error-tables.js';
import { pickCalibrationSequences } from '../../src/server/requests/calibration-sequences.js';
import { createStudySpace } from '../../src/server/requests/decode-study-plan.js';
import {
  DEFAULT_CALIBRATION,
  DEFAULT_PLUGINS,
  DEFAULT_SPACE,
  DEFAULT_TEXT_SHARES,
  EFFORTS,
} from '../../src/server/requests/defaults.js';

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
  const tokenizer = await loadTokenizer(createCheckpointFiles({ directory }));
  if (tokenizer === undefined) throw new Error(`${directory} has no tokenizer.json`);
  const model = await openLanguageModel(await openCheckpoint(directory), { threads: detectThreads() });
  const { shape } = model;
  const content = await readFile(file, 'utf8');
  const [tokens = new Int32Array()] = await tokenizer.encodeAll([
    file.endsWith('.json') ? (JSON.parse(content) as string[]).join('\n\n') : content,
  ]);
  const { bosTokenId: bosToken } = model.checkpoint.config;
  const text = { tokens, digest: digestBytes(tokens), ...(bosToken === undefined ? {} : { bosToken }) };
  const plans = planWindows(text);
  const { sequences } = pickCalibrationSequences(
    text,
    { ...DEFAULT_CALIBRATION, part: DEFAULT_TEXT_SHARES.search },
    'calibration',
  );
  const criterion = plugIn('criterion', DEFAULT_PLUGINS.criterion);
  const compensation = plugIn('compensation', DEFAULT_PLUGINS.compensation);
  const calibration = await model.calibrate(
    sequences,
    [...new Set([...(criterion.plugin as Criterion).needs, 'gram', 'mean'] as const)],
    work,
  );
  const scores = await model.scoreUnits({
    ...criterion,
    criterion: criterion.plugin as Criterion,
    seed: 0,
    work,
    calibration,
  });
  const recipe: RankedRecipe = {
    ranking: rankUnits(scores, shape.layers),
    compensation: { ...compensation, plugin: compensation.plugin as Compensation, calibration },
  };
  const subject = model.subject(recipe);
  const cost = { kind: 'parameters' } as const;
  const budgets: Budget[] = [
    { cost, limit: Math.floor((1 - remove) * measureCost(createCostModel(shape, cost), shape.layers)) },
  ];
  const space = createStudySpace(shape, budgets, { options: DEFAULT_SPACE, ranges: [] });
  const tables = listErrorTables(space.dimensions, await model.calibrationErrors(recipe, work));
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
    calibrationTokens: sequences.reduce((sum, { length }) => sum + length, 0),
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

function plugIn(kind: 'criterion' | 'compensation', id: string) {
  const entry = BUILTIN_PLUGINS.find(({ plugin }) => plugin.kind === kind && plugin.id === id);
  if (entry === undefined) throw new Error(`there is no ${kind} ${id}`);
  return { plugin: entry.plugin, moduleUrl: entry.moduleUrl, options: entry.plugin.options.parse({}) as unknown };
}

async function readLabels(cache: string | undefined): Promise<Map<string, Label>> {
  const stored = cache === undefined ? '' : await readFile(cache, 'utf8').catch(() => '');
  const lines = stored.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => JSON.parse(line) as [string, Label]));
}
