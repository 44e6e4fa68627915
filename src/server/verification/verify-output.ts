import { join } from 'node:path';
import { compareLogits, mostShare } from '../../core/compare-logits.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { withoutEmpty } from '../../core/model/without-empty.js';
import { architectureOf, rankKeptFirst } from '../../core/model/units.js';
import type { WeightStorage } from '../../core/ports/exporter.js';
import { MANIFEST_FILE, type OutputFolders } from '../../core/ports/outputs.js';
import type { PluginEntry } from '../../core/ports/plugin-entry.js';
import { DTYPE_ROUNDING } from '../../engine/checkpoint/dtype.js';
import type { RankedRecipe } from '../../engine/language-model.js';
import { CheckOutcome, type OutputCheck, type VerifyOutputRequest } from '../../gen/prunecast/v1/file.js';
import { workContext, type PartContext } from '../kinds/job-context.js';
import type { OpenModel } from '../models/open-models.js';
import type { RecipePreparer } from '../recipes/prepare-recipe.js';
import type { RecipeResolver } from '../recipes/recipe-resolver.js';
import { parseManifest, type ManifestSelection } from '../requests/decode-manifest.js';
import { requireText } from '../requests/fields.js';
import { MANIFEST } from '../requests/manifest-schema.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import { requireSameUnits } from '../requests/resolve-selection.js';
import { describeAbsentText } from '../requests/describe-absent-text.js';
import { checkFiles, checkManifest } from './check-files.js';
import { failed, notChecked, passed } from './checks.js';
import { findSource, type Source, type SourceServices } from './find-source.js';
import { openInThread } from './open-in-thread.js';
import type { OpenedFacts } from './open-messages.js';

export interface VerifyServices extends SourceServices {
  readonly outputs: Pick<OutputFolders, 'locate' | 'readManifest'>;
  readonly plugins: PluginLookup;
  readonly recipes: RecipeResolver;
  readonly preparer: RecipePreparer;
}

/** What a manifest says that an export is opened and compared by. */
const STATED = MANIFEST.pick({ source: true, exporter: true, exports: true }).extend({
  job_id: MANIFEST.shape.job_id.default(''),
});

/**
 * Verifies an output: its manifest, its files, and each of its forms as its exporter opens it, beside what the engine
 * makes of the source.
 *
 * @param tell is told each check when it is done
 * @throws PrunecastError INVALID_REQUEST, OUTPUT_NOT_FOUND, PATH_OUTSIDE_ROOTS, those of a model and a text that the
 * request names, or the signal's reason
 */
export async function verifyOutput(
  services: VerifyServices,
  request: VerifyOutputRequest,
  context: PartContext,
  tell: (check: OutputCheck) => void,
): Promise<void> {
  const { outputs } = services;
  const directory = await outputs.locate(requireText(request.output, 'output'), 'output');
  const manifest = await outputs.readManifest(request.output, 'output').catch((error: unknown) => {
    if (error instanceof PrunecastError && error.reason === 'OUTPUT_NOT_FOUND') return undefined;
    throw error;
  });
  if (manifest === undefined)
    return tell(
      failed('manifest', `${MANIFEST_FILE} is no JSON object any more: nothing else can be checked`, {
        file: MANIFEST_FILE,
      }),
    );
  const first = [
    checkManifest(manifest),
    ...(await checkFiles(directory, manifest, workContext(context, 'hashing the files'))),
  ];
  first.forEach(tell);
  if (first.some(({ outcome }) => outcome === CheckOutcome.FAILED)) {
    for (const name of ['sizes', 'logits'] as const)
      tell(notChecked(name, 'the output is not what was written: see above'));
    return;
  }
  const { exports } = STATED.parse(manifest);
  for (const folder of exports === undefined ? [''] : exports.map(({ folder }) => folder)) {
    const own = folder === '' ? manifest : await outputs.readManifest(`${request.output}/${folder}`, 'output');
    for await (const check of checkForm(
      services,
      { request, directory: join(directory, folder), manifest: own },
      context,
    ))
      tell({ ...check, folder });
  }
}

interface Form {
  readonly request: VerifyOutputRequest;
  readonly directory: string;
  readonly manifest: Readonly<Record<string, unknown>>;
}

/** Opens a form of an output, and compares its sizes and its logits. */
async function* checkForm(
  services: VerifyServices,
  { request, directory, manifest }: Form,
  context: PartContext,
): AsyncGenerator<OutputCheck> {
  const { source: stated, exporter, job_id: jobId } = STATED.parse(manifest);
  const selection = parseManifest(manifest, MANIFEST_FILE);
  const entry = services.plugins.all('exporter').find(({ plugin }) => plugin.id === exporter?.id);
  if (entry?.plugin.open === undefined) {
    const finding =
      entry === undefined
        ? `this server has no exporter "${exporter?.id}", which opens it`
        : `the exporter "${entry.plugin.id}" does not open what it writes: its files were compared alone`;
    for (const name of ['sizes', 'logits'] as const) yield notChecked(name, finding);
    return;
  }
  const source = selection.trained
    ? 'it was trained after it was cut, and prunecast.json holds no trained weights: nothing can be compared with them'
    : await findSource(
        services,
        { model: stated.model, checkpointDigest: stated.checkpoint_digest, jobId },
        request.model,
      );
  const tokens = typeof source === 'string' ? undefined : await takeTokens(source.model);
  context.progress({ activity: 'opening the output', unit: '', done: 0, total: 0 });
  const opened = await open(entry, directory, tokens, context.signal);
  if (typeof opened === 'string') {
    yield failed('sizes', opened);
    yield notChecked('logits', 'it cannot be opened');
    return;
  }
  const fault = findSizeFault(opened, selection, source);
  if (fault !== undefined) yield failed('sizes', fault);
  else yield passed('sizes', describeSizes(opened));
  if (typeof source === 'string') yield notChecked('logits', source);
  else if (fault !== undefined) yield notChecked('logits', 'its sizes are others');
  else yield await checkLogits(services, { request, opened, selection, source, tokens }, context);
}

/** What an exporter finds, or why it opens nothing. */
async function open(
  entry: PluginEntry<'exporter'>,
  directory: string,
  tokens: Int32Array | undefined,
  signal: AbortSignal,
): Promise<OpenedFacts | string> {
  try {
    return await openInThread(entry, directory, tokens, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof PrunecastError) return `"${entry.plugin.id}" cannot open it: ${error.message}`;
    throw error;
  }
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

function findSizeFault(
  { architecture, shape }: OpenedFacts,
  { keptUnits }: ManifestSelection,
  source: Source | string,
): string | undefined {
  const [found, stated] = [withoutEmpty(architecture), withoutEmpty(architectureOf(keptUnits))];
  if (found.length !== stated.length)
    return `it has ${found.length} layers that keep something, and prunecast.json says ${stated.length}`;
  for (const [layer, expected] of stated.entries())
    for (const key of ['kvHeads', 'queryHeadsPerKv', 'ffnChannels'] as const)
      if (found[layer]?.[key] !== expected[key])
        return `layer ${layer} of those that keep something has ${found[layer]?.[key]} ${WORDS[key]}, and prunecast.json says ${expected[key]}`;
  if (typeof source === 'string') return undefined;
  const { language, name } = source.model;
  const own = language.shape;
  const other = (['hidden', 'headDim', 'vocabulary'] as const).find((key) => own[key] !== shape[key]);
  return other && `its ${WORDS[other]} is ${shape[other]}, and that of ${name} ${own[other]}`;
}

const WORDS = {
  kvHeads: 'key-value heads',
  queryHeadsPerKv: 'query heads a key-value head',
  ffnChannels: 'FFN channels',
  hidden: 'hidden size',
  headDim: 'head size',
  vocabulary: 'vocabulary',
} as const;

function describeSizes({ architecture, shape, storage }: OpenedFacts): string {
  return `${architecture.length} layers with the heads and channels of prunecast.json, hidden size ${shape.hidden}, ${shape.vocabulary} tokens, weights as ${storage.type}`;
}

async function checkLogits(
  services: VerifyServices,
  form: {
    readonly request: VerifyOutputRequest;
    readonly opened: OpenedFacts;
    readonly selection: ManifestSelection;
    readonly source: Source;
    readonly tokens: Int32Array | undefined;
  },
  context: PartContext,
): Promise<OutputCheck> {
  const { opened, selection, source, tokens } = form;
  if (tokens === undefined || opened.logits === undefined) throw new RangeError('logits were not asked for');
  const { language } = source.model;
  const release = language.hold();
  try {
    const recipe = await restoreRecipe(services, form, context);
    if (typeof recipe === 'string') return notChecked('logits', recipe);
    const architecture = architectureOf(selection.keptUnits);
    const expected = await language.logits(
      tokens,
      { architecture, recipe },
      workContext(context, 'computing what is expected'),
    );
    await language.checkpoint.files.requireUnchanged(context.signal);
    const { most, share, agreements } = compareLogits(expected, opened.logits, language.shape.vocabulary);
    const limit = mostShare(findRounding(source.model, opened.storage, recipe.compensation !== undefined));
    const logits = { tokens: tokens.length, most, share, shareLimit: limit, agreements };
    const finding = `of ${tokens.length} tokens: largest difference ${most.toPrecision(3)}, mean difference ${percent(share)} of their spread, of which rounding to ${opened.storage.type} explains up to ${percent(limit)}; the same next token after ${agreements} of ${tokens.length}`;
    return share <= limit ? passed('logits', finding, { logits }) : failed('logits', finding, { logits });
  } finally {
    release();
  }
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}

/** The recipe that the weights of an output have; a text says why it cannot be had. */
async function restoreRecipe(
  { recipes, preparer }: VerifyServices,
  { request, selection, source }: Parameters<typeof checkLogits>[1],
  context: PartContext,
): Promise<RankedRecipe | string> {
  const { language } = source.model;
  const { keptUnits, recipe } = selection;
  const ranking = rankKeptFirst(keptUnits, language.shape.layers, `${MANIFEST_FILE}.kept_units`);
  if (recipe === undefined) return { ranking };
  try {
    const spec = await recipes
      .attended(workContext(context, 'reading texts'))
      .restore({ recipe, field: MANIFEST_FILE, textField: 'text' }, request.text ?? source.text, source.model);
    const ranked = await preparer.prepare(language, spec, workContext(context, 'calibrating'));
    const compensated = { recipe, field: MANIFEST_FILE };
    requireSameUnits(
      { architecture: architectureOf(keptUnits), keptUnits, compensated, snapped: [], allocation: '' },
      ranked,
      language.shape,
    );
    return ranked.recipe;
  } catch (error) {
    context.signal.throwIfAborted();
    // A text that the caller names has to be the right one; without one, the manifest's may be gone.
    if (!(error instanceof PrunecastError) || request.text !== undefined) throw error;
    if (error.reason === 'TEXT_NOT_FOUND') {
      const { name, cure } = describeAbsentText(recipe.calibration_text?.path ?? 'which was sent', 'text');
      return `the text that its weights were mended on, ${name}, is not at hand: ${cure}`;
    }
    const [violation] = error.violations;
    return violation?.field === 'text'
      ? `the text that its weights were mended on ${violation.description}`
      : `how its weights were mended cannot be computed again: ${error.message}`;
  }
}

/** How far the stored weights may be from those that the engine computes with. */
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
