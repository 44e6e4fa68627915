import { countParameters } from '../../core/model/parameters.js';
import type { ModelShape } from '../../core/model/shape.js';
import type { InspectModelRequest, InspectModelResponse, LoadRow } from '../../gen/prunecast/v1/model.js';
import { makeUneven } from '../architectures/make-uneven.js';
import { decodeSpace, encodeDimension } from '../encoding/space.js';
import { encodeArchitecture } from '../encoding/architecture.js';
import type { PluginRegistry } from '../plugins/plugin-registry.js';
import type { OpenModels } from './open-models.js';

/** Describes a checkpoint: sizes, prunable dimensions, and which compensation through which exporter loads in what. */
export async function inspectModel(models: OpenModels, plugins: PluginRegistry, request: InspectModelRequest): Promise<InspectModelResponse> {
  const { language, tokenizer } = await models.open(request.model);
  const { shape, checkpoint } = language;
  const space = decodeSpace(shape, request.space, { maxRate: 1 });
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
    dtype: [...new Set(entries.map(({ dtype }) => dtype))].join(' '),
    weightBytes: BigInt(checkpoint.weightBytes),
    dimensions: space.dimensions.map(encodeDimension),
    protectedLayers: shape.layers.map((_, layer) => layer).filter((layer) => !prunable.has(layer)),
    hasTokenizer: tokenizer !== undefined,
    loads: listLoads(shape, plugins),
    notes: [...checkpoint.notes],
  };
}

/** One row for each compensation, exporter and kind of shape. */
function listLoads(shape: ModelShape, plugins: PluginRegistry): LoadRow[] {
  return plugins.all('compensation').flatMap(({ plugin: compensation }) => plugins.all('exporter').flatMap(({ plugin: { id } }) => [true, false].map((uniform) => {
    const architecture = uniform ? shape.layers : makeUneven(shape.layers);
    const { plugin: exporter, options } = plugins.resolve('exporter', { id, options: undefined }, id, 'exporter');
    const supported = exporter.supports(shape, architecture, compensation.addsBias ? 'added' : 'none', options);
    return {
      compensation: compensation.id,
      exporter: exporter.id,
      uniform,
      loadsIn: supported.ok ? [...supported.loadsIn] : [],
      note: supported.ok ? '' : supported.reason,
    };
  })));
}
