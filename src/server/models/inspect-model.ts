import { countParameters } from '../../core/model/parameters.js';
import type { Exporter } from '../../core/ports/exporter.js';
import { Dtype, type InspectModelRequest, type InspectModelResponse } from '../../gen/prunecast/v1/model.js';
import { encodeDimension } from '../encoding/costs.js';
import { decodeSpace } from '../requests/decode-space.js';
import { resolveTargets } from '../requests/resolve-targets.js';
import { DEFAULT_MAX_RATE } from '../requests/defaults.js';
import { encodeArchitecture } from '../encoding/architecture.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import { listLoads } from './list-loads.js';
import { listOutputNotes } from './list-output-notes.js';
import type { OpenModels } from './open-models.js';
import { describeSource } from './require-exportable.js';

/**
 * Describes a checkpoint: its sizes, its prunable dimensions, and what loads an output of each compensation and
 * exporter.
 */
export async function inspectModel(
  models: OpenModels,
  plugins: PluginLookup,
  request: InspectModelRequest,
): Promise<InspectModelResponse> {
  const model = await models.open(request.model);
  const { shape, checkpoint } = model.language;
  const { limits } = resolveTargets({ plugins, shape }, request, []);
  const space = decodeSpace(shape, request.space, { maxRate: DEFAULT_MAX_RATE, limits });
  const prunable = new Set(space.dimensions.flatMap(({ layers }) => layers));
  const entries = [...checkpoint.tensors.values()];
  return {
    model: request.model,
    family: shape.family,
    checkpointDigest: checkpoint.digest,
    hidden: shape.hidden,
    headDim: shape.headDim,
    vocabulary: shape.vocabulary,
    tiedEmbeddings: shape.tiedEmbeddings,
    architecture: encodeArchitecture(shape.layers),
    parameters: BigInt(countParameters(shape, shape.layers)),
    dtypes: [...new Set(entries.map(({ dtype }) => DTYPE_CODES[dtype]))],
    weightBytes: BigInt(checkpoint.weightBytes),
    dimensions: space.dimensions.map(encodeDimension),
    protectedLayers: shape.layers.map((_, layer) => layer).filter((layer) => !prunable.has(layer)),
    hasTokenizer: model.tokenizer !== undefined,
    loads: await listLoads(checkpoint, plugins),
    notes: [...checkpoint.notes, ...(await listOutputNotes(model, listDefaults(plugins), describeSource(checkpoint)))],
  };
}

/** The exporters that have default options, with these. */
function listDefaults(plugins: PluginLookup) {
  return plugins.all('exporter').flatMap(({ plugin }) => {
    const options = plugin.options.safeParse({});
    return options.success ? [{ exporter: plugin as Exporter, options: options.data }] : [];
  });
}

const DTYPE_CODES = { F32: Dtype.F32, F16: Dtype.F16, BF16: Dtype.BF16 } as const;
