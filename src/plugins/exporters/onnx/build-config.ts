import type { PrunedModel } from '../../../core/ports/exporter.js';
import { findFamily } from '../../../engine/families/find-family.js';
import { isRecord } from '../../../engine/files/read-json.js';
import { buildPerLayerConfig, buildStockConfig } from '../hf/build-config.js';
import { chooseForm } from '../hf/choose-form.js';
import { GRAPH_FILES } from './graph-files.js';
import type { MatrixType } from './matrix-type.js';

/** Names of the types in transformers.js. */
const DTYPES: Readonly<Record<MatrixType, string>> = { float32: 'fp32', float16: 'fp16', int8: 'q8' };

/**
 * config.json for transformers.js: as `hf` writes it if all layers have one shape, else with the counts of the source,
 * of which nothing depends, and each layer's own under `prunecast`. The entry `transformers.js_config` says which file
 * to load, so that `from_pretrained` needs no options.
 *
 * @param dataFiles how many files of weights lie beside the graph
 */
export function buildConfig(model: PrunedModel, dtype: MatrixType, dataFiles: number): Record<string, unknown> {
  return {
    ...buildModelConfig(model),
    'transformers.js_config': {
      dtype: DTYPES[dtype],
      ...(dataFiles === 0 ? {} : { use_external_data_format: { [GRAPH_FILES[dtype]]: dataFiles } }),
      // Read by versions before 4.2.
      ...(dtype === 'float16' ? { kv_cache_dtype: { [DTYPES[dtype]]: dtype } } : {}),
    },
  };
}

function buildModelConfig(model: PrunedModel): Record<string, unknown> {
  const chosen = chooseForm(model.shape, model.architecture, 'auto');
  if (chosen.kind === 'stock') return buildStockConfig(model, chosen.stock);
  const { id, architecture } = findFamily(model.shape.family);
  const { auto_map: classes, ...config } = buildPerLayerConfig(model);
  const tokenizer = isRecord(classes) ? classes['AutoTokenizer'] : undefined;
  return {
    ...config,
    architectures: [architecture],
    model_type: id,
    ...(tokenizer === undefined ? {} : { auto_map: { AutoTokenizer: tokenizer } }),
  };
}
