import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { addOutputBiases } from '../../core/model/add-output-biases.js';
import type { PrunedModel } from '../../core/ports/exporter.js';
import { MANIFEST_FILE } from '../../core/ports/outputs.js';
import { isRecord } from '../../engine/files/read-json.js';
import {
  countDataFiles,
  listOnnxFiles,
  TYPE_BYTES,
  writeOnnx,
  type OnnxContent,
} from '../../engine/graph/write-onnx.js';
import { defineExporter } from '../define.js';
import { refuseBrokenTokenizer } from './folder/broken-tokenizer.js';
import { completeFolder, listFolder, toJson } from './folder/complete-folder.js';
import { writeModelCard } from './folder/model-card.js';
import { listNumberBytes, type NumberWidths } from './folder/number-bytes.js';
import { buildConfig } from './onnx/build-config.js';
import { buildDecoderGraph } from './onnx/decoder-graph.js';
import { describeUse } from './onnx/describe-use.js';
import { GRAPH_FILES, GRAPH_FOLDER } from './onnx/graph-files.js';
import { listLoaders } from './onnx/list-loaders.js';
import { BLOCK } from './onnx/list-stored.js';
import { openGraphExport } from './onnx/open-export.js';
import { refuseManyFiles } from './onnx/refuse-many-files.js';
import type { MatrixType } from './onnx/matrix-type.js';

const OPTIONS = z.strictObject({
  dtype: z
    .enum(['float32', 'float16', 'int8'])
    .default('float32')
    .describe(
      'The type of matrices. `float16` is that of their products and of the cache too; a weight that it cannot hold (65,520 and more) is refused by name. `int8` has a scale for each 32 inputs of an output channel, and its products round activations to 8 bits too. Norms, biases, softmax, the residual stream and logits are always float32.',
    ),
  shard_bytes: z
    .int()
    .min(1_000_000)
    .max(2_000_000_000)
    .default(2_000_000_000)
    .describe(
      'Most bytes of weights in one file. More than that lie beside the graph as external data, in at most 100 files.',
    ),
});

/**
 * A folder for transformers.js: one decoder graph with a cache of keys and values in `onnx/`, config.json, the source's
 * tokenizer files and licences, a model card (README.md), and prunecast.json.
 *
 * The cache of each layer is as wide as its own key-value heads, and a layer without attention has none: transformers.js
 * reads the widths from the graph's inputs (4.2 and later). Those before read them from config.json, one for all layers.
 */
export default defineExporter({
  id: 'onnx',
  summary: 'An ONNX graph with a cache for ONNX Runtime and transformers.js; layers may differ.',
  options: OPTIONS,
  supports: (source, architecture, biases, { dtype, shard_bytes: fileBytes }) => {
    const shape = { ...(biases === 'added' ? addOutputBiases(source, architecture) : source), layers: architecture };
    const reason = refuseManyFiles(shape, dtype, fileBytes);
    return reason === undefined
      ? {
          ok: true,
          loadsIn: listLoaders(shape, dtype),
          numberBytes: listNumberBytes(source, architecture, widthsOf(dtype)),
        }
      : { ok: false, reason };
  },
  refuses: (source) => refuseBrokenTokenizer(source),
  listFiles: async (model, options) => {
    const { content, texts } = await describeFolder(model, options);
    return listFolder(model, listOnnxFiles(content), texts);
  },
  write: async (model, directory, work, options) => {
    const { content, texts } = await describeFolder(model, options);
    await mkdir(join(directory, GRAPH_FOLDER));
    return completeFolder(directory, model, await writeOnnx({ ...content, directory, work }), texts);
  },
  open: openGraphExport,
});

/** The graph and its files, and the texts beside them. */
async function describeFolder(
  model: PrunedModel,
  { dtype, shard_bytes: fileBytes }: z.output<typeof OPTIONS>,
): Promise<{ readonly content: OnnxContent; readonly texts: Readonly<Record<string, string>> }> {
  const file = `${GRAPH_FOLDER}/${GRAPH_FILES[dtype]}`;
  const graph = buildDecoderGraph(model, dtype);
  const companions = await model.listCompanions();
  const card = writeModelCard(model, {
    ...describeUse(model, { file, hasTokenizer: companions.includes('tokenizer.json') }),
    loadsIn: listLoaders(model.shape, dtype),
    converted: dtype === 'float32' ? undefined : dtype,
  });
  return {
    content: { ...graph, file, fileBytes },
    texts: {
      'README.md': card,
      'config.json': toJson(buildConfig(model, dtype, countDataFiles(graph.tensors, fileBytes))),
      [MANIFEST_FILE]: toJson(describe(model, dtype, file)),
    },
  };
}

/** The caller's manifest, with what this exporter adds about itself. */
function describe({ manifest }: PrunedModel, dtype: string, file: string): Record<string, unknown> {
  const caller = manifest['exporter'];
  return { ...manifest, exporter: { id: 'onnx', ...(isRecord(caller) ? caller : {}), dtype, file } };
}

/** Bytes of a number: 8-bit matrices are whole blocks, each with a float32 scale. */
function widthsOf(type: MatrixType): NumberWidths {
  const matrix = (inner: number): number =>
    type === 'int8'
      ? (Math.ceil(inner / BLOCK) * (BLOCK * TYPE_BYTES.uint8 + TYPE_BYTES.float32)) / Math.max(1, inner)
      : TYPE_BYTES[type];
  return { matrix, vector: TYPE_BYTES.float32 };
}
