import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineExporter, z } from 'prunecast/plugin';

/** A Hugging Face folder with all weights in one safetensors file, for models whose layers have one shape. */
export default defineExporter({
  id: 'my-plugin',
  summary: 'A Hugging Face folder with one safetensors file, for layers of one shape.',
  options: z.strictObject({
    note: z.string().max(1000).default('').describe('What is written into the metadata of the weights.'),
  }),
  supports: (_shape, architecture, biases) => {
    const [first] = architecture;
    if (biases === 'added') return { ok: false, reason: 'biases that a compensation added are not written' };
    const isUniform = architecture.every((layer) => JSON.stringify(layer) === JSON.stringify(first));
    return isUniform && first.kvHeads > 0 && first.ffnChannels > 0
      ? { ok: true, loadsIn: ['transformers'] }
      : { ok: false, reason: 'layers that differ, or lack a half, are not written' };
  },
  write: async (model, directory, { log, signal, report }, { note }) => {
    /** @type {string[]} */
    const files = [];
    let bytes = 0;
    /**
     * @param {string} file
     * @param {string | Uint8Array} content
     */
    const write = async (file, content) => {
      await writeFile(join(directory, file), content, { flag: 'wx' });
      files.push(file);
      bytes += Buffer.byteLength(content);
    };
    const [layer] = model.architecture;
    await write(
      'config.json',
      toJson({
        ...model.config,
        num_attention_heads: layer.kvHeads * layer.queryHeadsPerKv,
        num_key_value_heads: layer.kvHeads,
        intermediate_size: layer.ffnChannels,
        head_dim: model.shape.headDim,
      }),
    );
    await write('prunecast.json', toJson(model.manifest));
    for (const file of await model.listCompanions()) {
      const content = await model.readSource(file);
      if (content !== undefined && !file.includes('/')) await write(file, content);
    }
    /** @type {Record<string, unknown>} */
    const header = { __metadata__: { format: 'pt', note } };
    /** @type {Uint8Array[]} */
    const values = [];
    let offset = 0;
    for (const [index, tensor] of model.tensors.entries()) {
      signal.throwIfAborted();
      const read = await tensor.read(); // all in memory: enough for small models
      header[tensor.name] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, offset + read.length] };
      values.push(read);
      offset += read.length;
      report?.({ what: 'tensors', done: index + 1, total: model.tensors.length });
    }
    const text = Buffer.from(JSON.stringify(header));
    const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')]);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(padded.length));
    await write('model.safetensors', Buffer.concat([length, padded, ...values]));
    log.info('wrote a checkpoint', { directory, bytes });
    return { files, bytes };
  },
});

/** @param {unknown} value */
function toJson(value) {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
