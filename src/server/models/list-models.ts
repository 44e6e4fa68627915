import { countParameters } from '../../core/model/parameters.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { surveyCheckpoint } from '../../engine/checkpoint/open-checkpoint.js';
import { isGraphFolder } from '../../engine/checkpoint/recognise-folder.js';
import { CONFIG_FILE } from '../../engine/files/file-names.js';
import { findFolders } from '../../engine/files/find-folders.js';
import { isEverything } from '../../engine/files/is-everything.js';
import type { ListModelsRequest, ListModelsResponse, ModelSummary } from '../../gen/prunecast/v1/model.js';
import type { Config } from '../config/config.js';
import { isWithinAny, resolveWithin } from '../config/resolve-within.js';
import { readPageSize } from '../requests/fields.js';
import { takeNamedPage } from '../requests/named-pages.js';

/** How far checkpoints are looked for below a root: a cache of the Hub has them three folders deep. */
const MOST_DEPTH = 6;
const MOST_ENTRIES = 20_000;

/**
 * A page of the checkpoints under the model roots, in the order of their names; a page may have fewer than its size,
 * since folders of a graph for ONNX Runtime are left out. Of weights the headers alone are read.
 *
 * @throws PrunecastError INVALID_REQUEST, MODEL_NOT_FOUND and PATH_OUTSIDE_ROOTS for the folder, or the signal's reason
 */
export async function listModels(
  { modelRoots, modelLinks }: Pick<Config, 'modelRoots' | 'modelLinks'>,
  { folder, pageSize, pageToken }: ListModelsRequest,
  signal: AbortSignal,
): Promise<ListModelsResponse> {
  const place = { field: 'folder', missing: 'MODEL_NOT_FOUND', links: modelLinks } as const;
  if (folder !== '') await resolveWithin(modelRoots, folder, place);
  const names = new Map<string, string>();
  let truncated = false;
  for (const root of modelRoots) {
    if (folder === '' && isEverything(root)) continue;
    const found = await findFolders(root, {
      marker: CONFIG_FILE,
      within: folder,
      mostDepth: MOST_DEPTH,
      mostEntries: MOST_ENTRIES,
      mayFollow: async (real) => {
        signal.throwIfAborted();
        return modelLinks === 'anywhere' || (await isWithinAny(modelRoots, real));
      },
    });
    truncated ||= found.isCut;
    // Requests take the first root that has a name.
    for (const name of found.names) if (!names.has(name)) names.set(name, root);
  }
  const page = takeNamedPage([...names.keys()], (name) => name, { pageSize: readPageSize(pageSize), pageToken });
  const models: ModelSummary[] = [];
  for (const name of page.values) {
    signal.throwIfAborted();
    const summary = await summarise(name, { modelRoots, modelLinks });
    if (summary !== undefined) models.push(summary);
  }
  return { models, nextPageToken: page.nextPageToken, truncated };
}

/** undefined: its config.json is that of a graph for ONNX Runtime, which is no checkpoint. */
async function summarise(
  model: string,
  { modelRoots, modelLinks }: Pick<Config, 'modelRoots' | 'modelLinks'>,
): Promise<ModelSummary | undefined> {
  const roots = modelLinks === 'anywhere' ? {} : { roots: modelRoots };
  try {
    const place = { field: 'model', missing: 'MODEL_NOT_FOUND', links: modelLinks } as const;
    const directory = await resolveWithin(modelRoots, model, place);
    if (await isGraphFolder(directory)) return undefined;
    const { shape, weightBytes, hasTokenizer } = await surveyCheckpoint(directory, roots);
    return {
      model,
      family: shape.family,
      parameters: BigInt(countParameters(shape, shape.layers)),
      weightBytes: BigInt(weightBytes),
      hasTokenizer,
      fault: '',
    };
  } catch (error) {
    if (!(error instanceof PrunecastError)) throw error;
    const fault = `${error.reason}: ${error.message}`;
    return { model, family: '', parameters: 0n, weightBytes: 0n, hasTokenizer: false, fault };
  }
}
