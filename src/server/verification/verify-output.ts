import { join } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { architectureOf } from '../../core/model/units.js';
import { MANIFEST_FILE, type OutputFolders } from '../../core/ports/outputs.js';
import type { PluginEntry } from '../../core/ports/plugin-entry.js';
import { matchWrittenTensors } from '../../engine/families/match-written-tensors.js';
import { pruneModel } from '../../engine/surgery/prune-model.js';
import { CheckOutcome, type OutputCheck, type VerifyOutputRequest } from '../../gen/prunecast/v1/file.js';
import { workContext, type PartContext } from '../kinds/job-context.js';
import { listCompensatedTensors } from '../pruning/list-compensated-tensors.js';
import { parseManifest, type ManifestSelection } from '../requests/decode-manifest.js';
import { requireText } from '../requests/fields.js';
import { MANIFEST } from '../requests/manifest-schema.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import { checkFiles, checkManifest } from './check-files.js';
import { checkLogits } from './check-logits.js';
import { checkSizes } from './check-sizes.js';
import { checkWeights } from './check-weights.js';
import { failed, notChecked } from './checks.js';
import { findSource, type Source, type SourceServices } from './find-source.js';
import type { OpenedFacts } from './open-messages.js';
import { startOpenThread, type OpenThread } from './open-thread.js';
import { restoreRecipe, type RecipeServices } from './restore-recipe.js';
import { tellTime } from './tell-time.js';

export interface VerifyServices extends SourceServices, RecipeServices {
  readonly outputs: Pick<OutputFolders, 'locate' | 'readManifest'>;
  readonly plugins: PluginLookup;
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
    for (const name of OF_FORM) tell(notChecked(name, 'the output is not what was written: see above'));
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

/** What is checked of a form that is opened. */
const OF_FORM = ['sizes', 'weights', 'logits'] as const;

/** Opens a form of an output, and compares its sizes, its weights and its logits. */
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
    for (const name of OF_FORM) yield notChecked(name, finding);
    return;
  }
  const source = selection.trained
    ? 'it was trained after it was cut, and prunecast.json holds no trained weights: nothing can be compared with them'
    : await findSource(
        services,
        { model: stated.model, checkpointDigest: stated.checkpoint_digest, jobId },
        request.model,
      );
  const thread = startOpenThread(entry, directory);
  try {
    const opened = await open(thread, entry, context);
    if (typeof opened === 'string') {
      yield failed('sizes', opened);
      yield* skip('it cannot be opened');
      return;
    }
    const sizes = checkSizes(opened, selection, source);
    yield sizes;
    if (typeof source === 'string') yield* skip(source);
    else if (sizes.outcome === CheckOutcome.FAILED) yield* skip('its sizes are others');
    else yield* checkContents(services, { request, thread, opened, selection, source }, context);
  } finally {
    await thread.close();
  }
}

/** That neither the weights nor the logits were checked. */
function* skip(reason: string): Generator<OutputCheck> {
  yield notChecked('weights', reason);
  yield notChecked('logits', reason);
}

/** What an exporter finds, or why it opens nothing. */
async function open(
  thread: OpenThread,
  { plugin }: PluginEntry<'exporter'>,
  context: PartContext,
): Promise<OpenedFacts | string> {
  try {
    return await tellTime(context, 'opening the output', (work) => thread.call('open', undefined, work));
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof PrunecastError) return `"${plugin.id}" cannot open it: ${error.message}`;
    throw error;
  }
}

/** Compares the weights and the logits of an opened form with those of its source, pruned and compensated in the same way. */
async function* checkContents(
  services: VerifyServices,
  form: {
    readonly request: VerifyOutputRequest;
    readonly thread: OpenThread;
    readonly opened: OpenedFacts;
    readonly selection: ManifestSelection;
    readonly source: Source;
  },
  context: PartContext,
): AsyncGenerator<OutputCheck> {
  const { thread, opened, selection, source } = form;
  const { language } = source.model;
  const { checkpoint } = language;
  const release = language.hold();
  try {
    const recipe = await restoreRecipe(services, form, context);
    if (typeof recipe === 'string') {
      yield* skip(recipe);
      return;
    }
    const { keptUnits } = selection;
    const compensating = workContext(context, 'compensating the weights');
    const replace = listCompensatedTensors(language, recipe, architectureOf(keptUnits), compensating);
    const pruned = pruneModel({ checkpoint, keptUnits, replace });
    const expected = { pruned, names: matchWrittenTensors(pruned, opened), compensated: new Set(replace.keys()) };
    if (opened.tensors === undefined)
      yield notChecked('weights', 'its exporter does not read them back: its logits are compared alone');
    else {
      const weights = await checkWeights(thread, opened, expected, context);
      await checkpoint.files.requireUnchanged(context.signal);
      yield weights;
      if (weights.outcome === CheckOutcome.FAILED) {
        yield notChecked('logits', 'its weights are others');
        return;
      }
    }
    const logits = await checkLogits(thread, opened, { ...expected, model: source.model, recipe }, context);
    await checkpoint.files.requireUnchanged(context.signal);
    yield logits;
  } finally {
    release();
  }
}
