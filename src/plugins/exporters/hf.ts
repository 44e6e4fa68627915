import { z } from 'zod';
import { addOutputBiases } from '../../core/model/add-output-biases.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { BlockBiases, ModelShape } from '../../core/model/shape.js';
import type { PrunedModel, PrunedTensor } from '../../core/ports/exporter.js';
import { MANIFEST_FILE } from '../../core/ports/outputs.js';
import { convertTensor } from '../../engine/checkpoint/convert-tensor.js';
import { parseConfig } from '../../engine/checkpoint/parse-config.js';
import { DTYPE_BYTES } from '../../engine/checkpoint/dtype.js';
import { isRecord } from '../../engine/files/read-json.js';
import { createSpareMemory } from '../../engine/checkpoint/piece-memory.js';
import {
  listSafetensors,
  writeSafetensors,
  type SafetensorsContent,
} from '../../engine/checkpoint/write-safetensors.js';
import { digestBytes } from '../../engine/files/digest.js';
import { openCheckpointExport } from './hf/open-export.js';
import { findFamily } from '../../engine/families/find-family.js';
import { listTensors } from '../../engine/families/list-tensors.js';
import { defineExporter } from '../define.js';
import { refuseBrokenTokenizer } from './folder/broken-tokenizer.js';
import { completeFolder, listFolder, toJson } from './folder/complete-folder.js';
import { writeModelCard } from './folder/model-card.js';
import { buildDecilmConfig, buildPerLayerConfig, buildStockConfig } from './hf/build-config.js';
import { chooseForm, type WrittenForm } from './hf/choose-form.js';
import { describeUse } from './hf/describe-use.js';
import { restrictForm } from './hf/restrict-form.js';
import { LEAST_TRANSFORMERS, MODELLING_FILE, MODELLING_SOURCE } from './hf/modelling-file.js';

const OPTIONS = z.strictObject({
  form: z
    .enum(['auto', 'stock', 'per-layer', 'decilm'])
    .default('auto')
    .describe(
      '`stock` loads anywhere but needs layers of one shape; `per-layer` needs transformers 4.48 or later and trust_remote_code; `auto` is stock if possible. `decilm` is the form of Nemotron-NAS, which vLLM serves too: FFN channels are multiples of 256, all layers that keep their attention have as many query heads, and there are no norms of queries and keys and no windows.',
    ),
  dtype: z
    .enum(['source', 'float32', 'float16', 'bfloat16'])
    .default('source')
    .describe(
      "The type of all weights; `source` keeps each as the checkpoint has it. A weight that `float16` cannot hold (65,520 and more) is refused by name. Compensated weights are rounded to the source's type first. A budget of weight bytes counts the width of the source unless it names `bytes_per_number`.",
    ),
  shard_bytes: z
    .int()
    .min(1_000_000)
    .max(50_000_000_000)
    .default(4_000_000_000)
    .describe('Most bytes of weights in one file.'),
});

/**
 * A Hugging Face folder: config.json, safetensors in the source's own dtype or another, the source's tokenizer files
 * and licences, a model card (README.md), and prunecast.json.
 *
 * If all layers have one shape, everything that loads the source's family loads it. If they differ, or a half-block is
 * dropped, it is written in the per-layer form (src/engine/checkpoint/per-layer-form.ts) with the modelling file that
 * transformers runs for it, or in that of Nemotron-NAS, which vLLM has code for (nemotron-nas-form.ts beside it), with
 * the same file; prunecast.json has the digest of it. A Llama whose heads no longer divide its hidden
 * size is written as the equivalent Mistral, since stock transformers refuses the former.
 */
export default defineExporter({
  id: 'hf',
  summary: 'A Hugging Face folder: stock if all layers have one shape, otherwise with its own modelling file.',
  options: OPTIONS,
  supports: (shape, architecture, biases, { form, dtype }) => {
    const chosen = chooseForm(biases === 'added' ? addOutputBiases(shape, architecture) : shape, architecture, form);
    if (chosen.kind === 'none') return { ok: false, reason: chosen.reason };
    const width = dtype === 'source' ? {} : { numberBytes: DTYPE_BYTES[WRITTEN_DTYPES[dtype]] };
    const biasesOf = chosen.kind === 'stock' ? { biases: chosen.stock.biases } : {};
    return { ok: true, loadsIn: listLoaders(shape, chosen), ...biasesOf, ...width };
  },
  refuses: async (source, { form }) =>
    form === 'decilm' && parseConfig(source.config).slidingWindows.some((window) => window !== undefined)
      ? 'form decilm: the model has sliding windows, which DeciLMForCausalLM lacks; take form auto'
      : refuseBrokenTokenizer(source),
  listFiles: async (model, options) => {
    const { content, texts } = await describeFolder(model, options);
    return listFolder(model, listSafetensors(content), texts);
  },
  write: async (model, directory, work, options) => {
    const { content, texts } = await describeFolder(model, options);
    return completeFolder(directory, model, await writeSafetensors({ ...content, directory, work }), texts);
  },
  restrict: (shape, biases, { form }) => restrictForm(shape, biases, form),
  open: openCheckpointExport,
});

/** The weights and their files, and the texts beside them. */
async function describeFolder(
  source: PrunedModel,
  { form, dtype, shard_bytes: shardBytes }: z.output<typeof OPTIONS>,
): Promise<{ readonly content: SafetensorsContent; readonly texts: Readonly<Record<string, string>> }> {
  const model = dtype === 'source' ? source : convertModel(source, dtype);
  const chosen = chooseForm(model.shape, model.architecture, form);
  if (chosen.kind === 'none') throw PrunecastError.ofField('exporter.options.form', chosen.reason, 'INVALID_OPTIONS');
  const written = chosen.kind === 'stock' ? fillBiases(model, chosen.stock.biases) : model;
  const config = buildConfig(written, chosen);
  const companions = await model.listCompanions();
  const card = writeModelCard(model, {
    ...describeUse(
      chosen.kind,
      companions.some((file) => file.startsWith('tokenizer')),
    ),
    loadsIn: listLoaders(model.shape, chosen),
    converted: dtype === 'source' || dtype === 'float32' ? undefined : dtype,
  });
  return {
    content: { tensors: written.tensors, shardBytes },
    texts: {
      'README.md': card,
      'config.json': toJson(config),
      ...(chosen.kind === 'stock' ? {} : { [MODELLING_FILE]: MODELLING_SOURCE }),
      [MANIFEST_FILE]: toJson(describe(written, chosen, config)),
    },
  };
}

function listLoaders({ family }: Pick<ModelShape, 'family'>, chosen: WrittenForm): readonly string[] {
  if (chosen.kind === 'stock') return chosen.stock.loadsIn;
  if (chosen.kind === 'decilm')
    return ['vLLM with trust_remote_code', `transformers ${LEAST_TRANSFORMERS} or later with trust_remote_code`];
  const version = findFamily(family).modelling.since?.version ?? LEAST_TRANSFORMERS;
  return [`transformers ${version} or later with trust_remote_code`];
}

function buildConfig(model: PrunedModel, chosen: WrittenForm): Record<string, unknown> {
  if (chosen.kind === 'stock') return buildStockConfig(model, chosen.stock);
  return chosen.kind === 'decilm' ? buildDecilmConfig(model) : buildPerLayerConfig(model);
}

const WRITTEN_DTYPES = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const;

/**
 * The model with all weights in one dtype, of which its config.json says so: `torch_dtype` is read by every version of
 * transformers, and `dtype`, which those from 4.56 on write, before it.
 */
function convertModel(model: PrunedModel, dtype: keyof typeof WRITTEN_DTYPES): PrunedModel {
  const { config, tensors } = model;
  const spares = createSpareMemory();
  return {
    ...model,
    config: { ...config, torch_dtype: dtype, ...('dtype' in config ? { dtype } : {}) },
    tensors: tensors.map((tensor) => convertTensor(tensor, WRITTEN_DTYPES[dtype], spares)),
  };
}

/** Adds the biases that the stock model type has and the model lacks, as zeros. */
function fillBiases(model: PrunedModel, biases: BlockBiases): PrunedModel {
  const shape = { ...model.shape, biases };
  const present = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  const tensors = listTensors(findFamily(shape.family), shape).map((spec): PrunedTensor => {
    const dtype = present.get(spec.name.replace(/\.bias$/, '.weight'))?.dtype ?? 'F32';
    const [length = 0] = spec.shape; // a bias
    return (
      present.get(spec.name) ?? {
        name: spec.name,
        dtype,
        shape: spec.shape,
        read: async ({ count } = { first: 0, count: length }) => new Uint8Array(count * DTYPE_BYTES[dtype]),
      }
    );
  });
  return { ...model, shape, tensors };
}

/** The caller's manifest, with what this exporter adds about itself. */
function describe(
  model: PrunedModel,
  chosen: WrittenForm,
  config: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const caller = model.manifest['exporter'];
  return {
    ...model.manifest,
    exporter: {
      id: 'hf',
      ...(isRecord(caller) ? caller : {}),
      form: chosen.kind,
      model_type: config['model_type'],
      modelling_file:
        chosen.kind === 'stock'
          ? null
          : { name: MODELLING_FILE, sha256: digestBytes(new TextEncoder().encode(MODELLING_SOURCE)) },
    },
  };
}
