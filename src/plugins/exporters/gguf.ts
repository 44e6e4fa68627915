import { join } from 'node:path';
import { z } from 'zod';
import { addOutputBiases } from '../../core/model/add-output-biases.js';
import type { ExportSource } from '../../core/ports/exporter.js';
import { MANIFEST_FILE } from '../../core/ports/outputs.js';
import { parseConfig } from '../../engine/checkpoint/parse-config.js';
import { writeFileSynced } from '../../engine/checkpoint/write-safetensors.js';
import { findFamily } from '../../engine/families/find-family.js';
import { defineExporter } from '../define.js';
import { listNumberBytes, type NumberWidths } from './folder/number-bytes.js';
import { cannotHold, findObjection } from './gguf/cannot-hold.js';
import { describeModel, describeScaling, listFrequencyFactors } from './gguf/describe-model.js';
import { describeTokenizer } from './gguf/describe-tokenizer.js';
import { listWeights } from './gguf/list-weights.js';
import { openGgufExport } from './gguf/open-export.js';
import { planLayers } from './gguf/plan-layers.js';
import { GGUF_FILE, GGUF_TYPES, writeGguf, type GgufType, type GgufValue } from './gguf/write-gguf.js';

/** The types of matrices, by their names in file names of llama.cpp's models. */
const TYPES = { f32: 'F32', f16: 'F16', bf16: 'BF16', q8_0: 'Q8_0', q4_0: 'Q4_0' } as const;

/** One GGUF file with the tokenizer in it, which llama.cpp and what builds on it load, and prunecast.json. */
export default defineExporter({
  id: 'gguf',
  summary: 'One GGUF file for llama.cpp, with its tokenizer; layers may differ.',
  options: z.strictObject({
    type: z
      .enum(['f32', 'f16', 'bf16', 'q8_0', 'q4_0'])
      .default('f16')
      .describe(
        'How matrices are stored; norms and biases are always f32. `q8_0` and `q4_0` need widths that are multiples of 32.',
      ),
  }),
  supports: (shape, architecture, biases, { type }) => {
    const written = biases === 'added' ? addOutputBiases(shape, architecture) : shape;
    const planned = planLayers(written, architecture, TYPES[type]);
    return typeof planned === 'string'
      ? { ok: false, reason: planned }
      : { ok: true, loadsIn: ['llama.cpp'], numberBytes: listNumberBytes(shape, architecture, widthsOf(TYPES[type])) };
  },
  open: openGgufExport,
  refuses: (source) => findObjection(() => describeSource(source)),
  write: async (model, directory, work, { type: asked }) => {
    const type = TYPES[asked];
    const planned = planLayers(model.shape, model.architecture, type);
    if (typeof planned === 'string') throw cannotHold(planned);
    const metadata = {
      ...describeModel(model, planned, type),
      ...(await describeTokenizer(model, model.shape.vocabulary)),
    };
    const manifest = new TextEncoder().encode(
      `${JSON.stringify({ ...model.manifest, exporter: { id: 'gguf', type: asked, architecture: planned.architecture.name } }, undefined, 2)}\n`,
    );
    const weights = await writeGguf({
      path: join(directory, GGUF_FILE),
      metadata,
      tensors: [...listFrequencyFactors(model), ...listWeights(model, planned, type)],
      work,
    });
    const { bytes } = await writeFileSynced(join(directory, MANIFEST_FILE), (file) => file.write(manifest));
    return {
      files: [GGUF_FILE, MANIFEST_FILE],
      bytes: weights.bytes + bytes,
      digests: { [GGUF_FILE]: weights.sha256 },
    };
  },
});

/** What is the same in the files of all architectures. Throws EXPORT_UNSUPPORTED. */
async function describeSource(source: ExportSource): Promise<Record<string, GgufValue>> {
  const { config, shape } = source;
  return {
    ...describeScaling(parseConfig(config).rope, findFamily(shape.family).llamaCpp),
    ...(await describeTokenizer(source, shape.vocabulary)),
  };
}

/** Bytes of a number of each kind: quantised ones with their share of the step of a block. */
function widthsOf(type: GgufType): NumberWidths {
  const { blockBytes, blockValues } = GGUF_TYPES[type];
  return { matrix: () => blockBytes / blockValues, vector: GGUF_TYPES.F32.blockBytes };
}
