import { join } from 'node:path';
import { z } from 'zod';
import { addOutputBiases } from '../../core/model/add-output-biases.js';
import type { Architecture, ModelShape, NumberBytes } from '../../core/model/shape.js';
import type { ExportSource, PrunedModel } from '../../core/ports/exporter.js';
import { MANIFEST_FILE } from '../../core/ports/outputs.js';
import { parseConfig } from '../../engine/checkpoint/parse-config.js';
import { LICENCE } from '../../engine/checkpoint/list-companions.js';
import { findFamily } from '../../engine/families/find-family.js';
import { isRecord } from '../../engine/files/read-json.js';
import { defineExporter } from '../define.js';
import { completeFolder, listFolder, toJson } from './folder/complete-folder.js';
import { createRefusal } from './folder/create-refusal.js';
import { writeModelCard } from './folder/model-card.js';
import { listNumberBytes } from './folder/number-bytes.js';
import { cannotHold } from './gguf/cannot-hold.js';
import { describeModel, describeScaling, listFrequencyFactors } from './gguf/describe-model.js';
import { describeSampling } from './gguf/describe-sampling.js';
import { describeTokenizer, listTokenizerNotes, readTokenizer } from './gguf/describe-tokenizer.js';
import { describeUse } from './gguf/describe-use.js';
import { listWeights, tableType } from './gguf/list-weights.js';
import { openGgufExport } from './gguf/open-export.js';
import { listBiases, planLayers } from './gguf/plan-layers.js';
import { restrictLayers } from './gguf/restrict-layers.js';
import { countFileBytes, GGUF_FILE, GGUF_TYPES, writeGguf, type GgufType, type GgufValue } from './gguf/write-gguf.js';

/** The types of matrices, by their names in file names of llama.cpp's models. */
const TYPES = { f32: 'F32', f16: 'F16', bf16: 'BF16', q8_0: 'Q8_0', q4_0: 'Q4_0' } as const;

/**
 * One GGUF file with the tokenizer in it, which llama.cpp and what builds on it load; the source's licences, a model card
 * (README.md), and prunecast.json.
 */
export default defineExporter({
  id: 'gguf',
  summary: 'One GGUF file for llama.cpp, with its tokenizer; layers may differ.',
  options: z.strictObject({
    type: z
      .enum(['f32', 'f16', 'bf16', 'q8_0', 'q4_0'])
      .default('f16')
      .describe(
        'How matrices are stored; norms and biases are always f32, and embeddings and the head q8_0 in place of `q4_0`. `q8_0` and `q4_0` need widths that are multiples of 32.',
      ),
  }),
  supports: (shape, architecture, biases, { type }) => {
    const written = biases === 'added' ? addOutputBiases(shape, architecture) : shape;
    const planned = planLayers(written, architecture, TYPES[type]);
    if (typeof planned === 'string') return { ok: false, reason: planned };
    const { layers } = planned;
    return {
      ok: true,
      loadsIn: LOADERS,
      biases: listBiases(written),
      layers: layers.map(({ source: _source, ...layer }) => layer),
      numberBytes: countWidths(shape, layers, TYPES[type]),
    };
  },
  open: openGgufExport,
  restrict: (shape, _biases, { type }) => restrictLayers(shape, TYPES[type]),
  refuses: (source) => refuseSource(source),
  listNotes: async (source) => listTokenizerNotes(await readTokenizer(source)),
  listFiles: async (model, { type }) => {
    const { content, companions, texts } = await describeFile(model, type);
    return listFolder({ ...model, ...companions }, { [GGUF_FILE]: countFileBytes(content) }, texts);
  },
  write: async (model, directory, work, { type }) => {
    const { content, companions, texts } = await describeFile(model, type);
    const { bytes, sha256 } = await writeGguf({ ...content, path: join(directory, GGUF_FILE), work });
    const written = { files: [GGUF_FILE], bytes, digests: { [GGUF_FILE]: sha256 } };
    return completeFolder(directory, { ...model, ...companions }, written, texts);
  },
});

/** The file, and what lies beside it. */
async function describeFile(model: PrunedModel, asked: keyof typeof TYPES) {
  const type = TYPES[asked];
  const planned = planLayers(model.shape, model.architecture, type);
  if (typeof planned === 'string') throw cannotHold(planned);
  const tokenizer = await readTokenizer(model);
  const metadata = {
    ...describeModel(model, planned, type),
    ...(await describeSampling(model)),
    ...(await describeTokenizer(model, tokenizer, model.shape.vocabulary)),
  };
  const notes = listTokenizerNotes(tokenizer).map((note) => `\n\nBeware: ${note}.`);
  const { use, ...facts } = describeUse('tokenizer.chat_template' in metadata);
  const card = writeModelCard(model, {
    ...facts,
    use: `${use}${notes.join('')}`,
    loadsIn: LOADERS,
    converted: asked === 'f32' ? undefined : asked,
  });
  return {
    content: { metadata, tensors: [...listFrequencyFactors(model), ...listWeights(model, planned, type)] },
    // The tokenizer and how to sample are in the file.
    companions: {
      listCompanions: async () => (await model.listCompanions()).filter((file) => LICENCE.test(file)),
    },
    texts: { 'README.md': card, [MANIFEST_FILE]: toJson(describe(model, asked, planned.architecture.name)) },
  };
}

const LOADERS = ['llama.cpp'];

/** The caller's manifest, with what this exporter adds about itself. */
function describe({ manifest }: PrunedModel, type: string, architecture: string): Record<string, unknown> {
  const caller = manifest['exporter'];
  return { ...manifest, exporter: { id: 'gguf', ...(isRecord(caller) ? caller : {}), type, architecture } };
}

/** What is the same in the files of all architectures. Throws EXPORT_UNSUPPORTED. */
async function describeSource(source: ExportSource): Promise<Record<string, GgufValue>> {
  const { config, shape } = source;
  return {
    ...describeScaling(parseConfig(config).rope, findFamily(shape.family).llamaCpp),
    ...(await describeTokenizer(source, await readTokenizer(source), shape.vocabulary)),
  };
}

const refuseSource = createRefusal(describeSource, 'download that file again');

/** Bytes of a number of each tensor: quantised ones with their share of the step of a block. */
function countWidths(shape: ModelShape, architecture: Architecture, type: GgufType): NumberBytes {
  const table = widthOf(tableType(type));
  const widths = listNumberBytes(shape, architecture, { matrix: () => widthOf(type), vector: widthOf('F32') });
  return { ...widths, embedding: table, head: table };
}

function widthOf(type: GgufType): number {
  const { blockBytes, blockValues } = GGUF_TYPES[type];
  return blockBytes / blockValues;
}
