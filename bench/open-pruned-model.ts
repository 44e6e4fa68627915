import { readFile } from 'node:fs/promises';
import type { Budget } from '../src/core/budget/budget.js';
import { measureCost } from '../src/core/budget/cost-model.js';
import { createCostModel } from '../src/core/budget/cost-spec.js';
import type { ErrorTable } from '../src/core/features/error-table.js';
import type { Compensation } from '../src/core/ports/compensation.js';
import type { Criterion } from '../src/core/ports/criterion.js';
import type { EvaluationSubject, EvaluationText } from '../src/core/ports/evaluator.js';
import type { SearchSpace } from '../src/core/space/search-space.js';
import { openCheckpoint } from '../src/engine/checkpoint/open-checkpoint.js';
import { createCheckpointFiles } from '../src/engine/files/checkpoint-files.js';
import { digestBytes } from '../src/engine/files/digest.js';
import type { LanguageModel, RankedRecipe } from '../src/engine/language-model.js';
import { openLanguageModel } from '../src/engine/open-language-model.js';
import { rankUnits } from '../src/engine/ranking/rank-units.js';
import { detectThreads } from '../src/engine/runtime/resource-limits.js';
import { loadTokenizer, type Tokenizer } from '../src/engine/tokenizer/tokenizer.js';
import { BUILTIN_PLUGINS } from '../src/plugins/builtin/list.js';
import { listErrorTables } from '../src/server/predictors/measure-error-tables.js';
import { pickCalibrationSequences } from '../src/server/requests/calibration-sequences.js';
import { createStudySpace } from '../src/server/requests/decode-study-plan.js';
import {
  DEFAULT_CALIBRATION,
  DEFAULT_PLUGINS,
  DEFAULT_SPACE,
  DEFAULT_TEXT_SHARES,
} from '../src/server/requests/defaults.js';

/** A model under the default recipe, and the space of one budget, as a Search has them. */
export interface PrunedModel {
  readonly model: LanguageModel;
  readonly tokenizer: Tokenizer;
  readonly text: EvaluationText;
  readonly subject: EvaluationSubject;
  readonly space: SearchSpace;
  readonly budgets: readonly Budget[];
  /** The calibration errors that predictors see. */
  readonly tables: readonly ErrorTable[];
  readonly calibrationTokens: number;
}

/**
 * Opens a model and calibrates it on the search part of a text.
 *
 * @param spec.text a JSON list of stories, or any other file as it is
 * @param spec.remove share of the parameters to remove
 */
export async function openPrunedModel({
  directory,
  text: file,
  remove,
}: {
  readonly directory: string;
  readonly text: string;
  readonly remove: number;
}): Promise<PrunedModel> {
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
  const cost = { kind: 'parameters' } as const;
  const budgets: Budget[] = [
    { cost, limit: Math.floor((1 - remove) * measureCost(createCostModel(shape, cost), shape.layers)) },
  ];
  const space = createStudySpace(shape, budgets, { options: DEFAULT_SPACE, ranges: [] });
  return {
    model,
    tokenizer,
    text,
    subject: model.subject(recipe),
    space,
    budgets,
    tables: listErrorTables(space.dimensions, await model.calibrationErrors(recipe, work)),
    calibrationTokens: sequences.reduce((sum, { length }) => sum + length, 0),
  };
}

function plugIn(kind: 'criterion' | 'compensation', id: string) {
  const entry = BUILTIN_PLUGINS.find(({ plugin }) => plugin.kind === kind && plugin.id === id);
  if (entry === undefined) throw new Error(`there is no ${kind} ${id}`);
  return { plugin: entry.plugin, moduleUrl: entry.moduleUrl, options: entry.plugin.options.parse({}) as unknown };
}
