import { readFile, writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { addOutputBiases } from '../src/core/model/add-output-biases.js';
import { countParameters } from '../src/core/model/parameters.js';
import type { Architecture, ModelShape } from '../src/core/model/shape.js';
import { identityRanking } from '../src/core/model/units.js';
import type { Compensation } from '../src/core/ports/compensation.js';
import type { Criterion } from '../src/core/ports/criterion.js';
import { countScored, scoreFrom, type Sequence } from '../src/core/sequence.js';
import { createSearchSpace } from '../src/core/space/create-search-space.js';
import { decodeCounts, type SearchSpace } from '../src/core/space/search-space.js';
import { openCheckpoint } from '../src/engine/checkpoint/open-checkpoint.js';
import { detectMemoryBudgetBytes, detectThreads } from '../src/engine/runtime/resource-limits.js';
import type { RankedRecipe } from '../src/engine/language-model.js';
import { rankUnits } from '../src/engine/ranking/rank-units.js';
import { createCheckpointFiles } from '../src/engine/files/checkpoint-files.js';
import { loadTokenizer } from '../src/engine/tokenizer/tokenizer.js';
import { BUILTIN_PLUGINS } from '../src/plugins/builtin/list.js';
import { findUniformPaper, listUniformBest } from '../src/search/controls/uniform.js';
import { describeCpu } from './describe-cpu.js';
import { rankOnStream, type StreamWeights } from './recipes/rank-on-stream.js';
import { readBenchText } from './recipes/read-text.js';
import { formatResults } from './recipes/format-results.js';
import {
  type AskedCompensation,
  COMPENSATIONS,
  CONTROLS,
  CRITERIA,
  sortRows,
  type CompensationName,
  type ControlName,
  type CriterionName,
  type Results,
  type Row,
} from './recipes/rows.js';
import { openLanguageModel } from '../src/engine/open-language-model.js';

/*
 * npm run bench:recipes -- --model DIR --text FILE --calibration FILE --json FILE [--markdown FILE]: each width
 * criterion with each compensation, at the two uniform controls or those of --controls. All share one calibration pass, and all widths of a
 * criterion share one factorisation per layer. Rows that the JSON file already has for the same settings are not
 * measured again.
 */

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string' },
    text: { type: 'string' },
    calibration: { type: 'string' },
    json: { type: 'string' },
    markdown: { type: 'string' },
    remove: { type: 'string', default: '0.2' },
    sequences: { type: 'string', default: '320' },
    window: { type: 'string', default: '128' },
    windows: { type: 'string', default: '200' },
    criteria: { type: 'string', default: Object.keys(CRITERIA).join(',') },
    compensations: { type: 'string', default: Object.keys(COMPENSATIONS).join(',') },
    controls: { type: 'string', default: 'uniform-paper,uniform-best' },
  },
});

const { model: directory, text: textFile, calibration: calibrationFile, json, markdown } = flags;
if (directory === undefined || textFile === undefined || calibrationFile === undefined || json === undefined) {
  throw new Error(
    'usage: npm run bench:recipes -- --model DIR --text FILE --calibration FILE --json FILE [--markdown FILE] [--criteria IDS] [--compensations IDS]',
  );
}
const work = { signal: new AbortController().signal };
const window = Number(flags.window);
const threads = detectThreads();
const memoryBudgetBytes = detectMemoryBudgetBytes();
const tokenizer = await loadTokenizer(createCheckpointFiles({ directory: resolve(directory) }));
if (tokenizer === undefined) throw new Error(`${directory} has no tokenizer.json`);
const model = await openLanguageModel(await openCheckpoint(resolve(directory)), { threads });
const { shape } = model;
const [valueBytes] = [...model.checkpoint.tensors.values()].map(({ dtype }) => (dtype === 'F32' ? 4 : 2));

const text = await readBenchText(tokenizer, textFile, model.checkpoint.config.bosTokenId);
const calibration = await readBenchText(tokenizer, calibrationFile, model.checkpoint.config.bosTokenId);
const windows = text.windows(Number(flags.windows), window).map((tokens) => scoreFrom(tokens));
const reported = windows.filter((_, place) => place % 3 === 0);
const chosenOn = windows.filter((_, place) => place % 12 === 1);
const pickSequences = (count: number): readonly Int32Array[] => calibration.sequences(count, 128);
const sequences = pickSequences(Number(flags.sequences));
const controls = CONTROLS.filter((name) => flags.controls.split(',').includes(name));
const settings = {
  checkpoint: model.checkpoint.digest,
  removed_share: Number(flags.remove),
  text: basename(textFile),
  window,
  first_windows: Number(flags.windows),
  calibration_text: basename(calibrationFile),
  sequences: sequences.length,
  calibration_tokens: sequences.length * 128,
};

let results = await openResults(json);
for (const name of flags.criteria.split(',') as CriterionName[])
  await measureCriterion(name, flags.compensations.split(',') as CompensationName[]);
await writeResults();
await model.close();

/** All compensations of a criterion that are not measured yet; each row is saved as soon as it is measured. */
async function measureCriterion(criterion: CriterionName, compensations: readonly CompensationName[]): Promise<void> {
  const missing = compensations.filter(
    (compensation) =>
      (criterion === 'obs' || !isRankedOnStream(compensation)) &&
      controls.some((name) => find(criterion, compensation, name) === undefined),
  );
  if (missing.length === 0) return;
  const { ranking } = missing.every(isRankedOnStream)
    ? { ranking: identityRanking(shape.layers) }
    : await rank(criterion);
  for (const compensation of missing) {
    const asked: AskedCompensation = COMPENSATIONS[compensation];
    const { plugin, options, moduleUrl } = plugIn('compensation', asked);
    const ownPlugin = plugin as Compensation;
    const own = asked.sequences === undefined ? sequences : pickSequences(asked.sequences);
    // A fit on the stream gathers its own statistics.
    const needs = isOnStream(compensation) ? (['sequences'] as const) : (['mean', 'gram'] as const);
    const recipe: RankedRecipe =
      ownPlugin.needs.length === 0
        ? { ranking }
        : {
            ranking,
            compensation: {
              plugin: ownPlugin,
              options,
              moduleUrl,
              calibration: await model.calibrate(own, needs, work),
            },
          };
    const exported = ownPlugin.addsBias ? addOutputBiases(shape) : shape;
    const shapes: Architecture[] = [];
    for (const name of controls) shapes.push(await findShape(name, { recipe, criterion, compensation, exported }));
    const started = performance.now();
    // All at once: they share the protected first layers.
    const perplexities =
      asked.rankedOnStream === undefined
        ? await measure(recipe, shapes, reported)
        : await measureRankedOnStream(recipe, shapes, { sequences: own, weights: asked.rankedOnStream });
    const seconds = (performance.now() - started) / 1000 / controls.length;
    await keep(
      controls.map((name, index): Row => {
        const own = shapes[index] ?? shape.layers;
        const { kvHeads = 0, ffnChannels = 0 } = own[prunable()] ?? {};
        const parameters = countParameters(exported, own);
        return {
          criterion,
          compensation,
          control: name,
          kv_heads: kvHeads,
          ffn_channels: ffnChannels,
          parameters,
          bytes: parameters * (valueBytes ?? 4),
          perplexity: perplexities[index] ?? Number.NaN,
          seconds: Math.round(10 * seconds) / 10,
        };
      }),
    );
    console.log(
      `${criterion}, ${compensation}: ${perplexities.map((value) => value.toFixed(2)).join(' ')} (${seconds.toFixed(0)} s an architecture)`,
    );
  }
}

/** Each architecture with a ranking of its own. */
async function measureRankedOnStream(
  recipe: RankedRecipe,
  shapes: readonly Architecture[],
  asked: { readonly sequences: readonly Int32Array[]; readonly weights: StreamWeights },
): Promise<number[]> {
  const perplexities: number[] = [];
  for (const architecture of shapes) {
    const ranking = await rankOnStream(model.checkpoint, { ...asked, architecture, threads, memoryBudgetBytes });
    perplexities.push(...(await measure({ ...recipe, ranking }, [architecture], reported)));
  }
  return perplexities;
}

async function findShape(
  control: ControlName,
  {
    recipe,
    criterion,
    compensation,
    exported,
  }: {
    readonly recipe: RankedRecipe;
    readonly criterion: CriterionName;
    readonly compensation: CompensationName;
    readonly exported: ModelShape;
  },
): Promise<Architecture> {
  if (control === 'half-ffn')
    return shape.layers.map((own) => ({ ...own, ffnChannels: Math.floor(own.ffnChannels / 2) }));
  return control === 'uniform-paper'
    ? findPaperShape(exported)
    : findBestShape(recipe, criterion, compensation, exported);
}

async function rank(name: CriterionName) {
  const { plugin, options, moduleUrl } = plugIn('criterion', CRITERIA[name]);
  const criterion = plugin as Criterion;
  const calibration = await model.calibrate(
    sequences,
    [...new Set([...criterion.needs, 'gram', 'mean'] as const)],
    work,
  );
  const scores = await model.scoreUnits({ criterion, options, moduleUrl, seed: 0, work, calibration });
  return { ranking: rankUnits(scores, shape.layers) };
}

/** The space and the budget of the controls: counts are those of the exported model, with biases. */
function askFor(exported: ModelShape): [SearchSpace, [{ cost: { kind: 'parameters' }; limit: number }]] {
  return [
    createSearchSpace(exported, { maxRate: 1 }),
    [
      {
        cost: { kind: 'parameters' },
        limit: Math.floor(countParameters(shape, shape.layers) * (1 - settings.removed_share)),
      },
    ],
  ];
}

function findPaperShape(exported: ModelShape): Architecture {
  const [space, budgets] = askFor(exported);
  const point = findUniformPaper(space, budgets);
  if (point === undefined) throw new Error('no uniform shape meets the budget');
  return decodeCounts(space, point.counts);
}

async function findBestShape(
  recipe: RankedRecipe,
  criterion: CriterionName,
  compensation: CompensationName,
  exported: ModelShape,
): Promise<Architecture> {
  const [space, budgets] = askFor(exported);
  const shapes = listUniformBest(space, budgets).map((counts) => decodeCounts(space, counts));
  const known = isOnStream(compensation) ? find(criterion, 'least-squares', 'uniform-best') : undefined;
  if (known !== undefined)
    return shapes.find((layers) => layers[prunable()]?.kvHeads === known.kv_heads) ?? shapes[0] ?? shape.layers;
  const perplexities = await measure(recipe, shapes, chosenOn);
  return shapes[perplexities.indexOf(Math.min(...perplexities))] ?? shape.layers;
}

function isOnStream(compensation: CompensationName): boolean {
  return 'fit' in COMPENSATIONS[compensation].options;
}

function isRankedOnStream(compensation: CompensationName): boolean {
  return 'rankedOnStream' in COMPENSATIONS[compensation];
}

/** The first layer that is not protected. */
function prunable(): number {
  return createSearchSpace(shape).dimensions[0]?.layers[0] ?? 0;
}

async function measure(
  recipe: RankedRecipe,
  architectures: readonly Architecture[],
  windows: readonly Sequence[],
): Promise<number[]> {
  const perplexities: number[] = [];
  for await (const { index, losses } of model.subject(recipe).observe(architectures, { sequences: windows }, work)) {
    perplexities[index] = Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / countScored(windows));
  }
  return perplexities;
}

function plugIn(
  kind: 'criterion' | 'compensation',
  { id, options }: { readonly id: string; readonly options: object },
) {
  const entry = BUILTIN_PLUGINS.find(({ plugin }) => plugin.kind === kind && plugin.id === id);
  const parsed = entry?.plugin.options.safeParse(options);
  if (entry === undefined || parsed?.success !== true) throw new Error(`no ${kind} ${id} with these options`);
  return { plugin: entry.plugin, moduleUrl: entry.moduleUrl, options: parsed.data as unknown };
}

function find(criterion: CriterionName, compensation: CompensationName, name: ControlName): Row | undefined {
  return results.rows.find(
    (row) => row.criterion === criterion && row.compensation === compensation && row.control === name,
  );
}

async function openResults(file: string): Promise<Results> {
  const known = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as Results,
    () => undefined,
  );
  if (known !== undefined && isDeepStrictEqual(known.settings, settings)) return known;
  const parameters = countParameters(shape, shape.layers);
  const [perplexity = Number.NaN] = await measure({ ranking: identityRanking(shape.layers) }, [shape.layers], reported);
  return {
    model: basename(resolve(directory ?? '')),
    cpu: describeCpu(threads),
    settings,
    dense: { parameters, bytes: parameters * (valueBytes ?? 4), perplexity },
    rows: [],
  };
}

async function keep(rows: readonly Row[]): Promise<void> {
  results = {
    ...results,
    rows: sortRows([
      ...results.rows.filter(
        (row) =>
          !rows.some(
            (other) =>
              other.criterion === row.criterion &&
              other.compensation === row.compensation &&
              other.control === row.control,
          ),
      ),
      ...rows,
    ]),
  };
  await writeResults();
}

async function writeResults(): Promise<void> {
  await writeFile(json ?? '', `${JSON.stringify(results, undefined, 2)}\n`);
  if (markdown !== undefined) await writeFile(markdown, formatResults(results, basename(json ?? '')));
}
