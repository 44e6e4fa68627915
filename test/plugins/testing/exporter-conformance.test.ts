import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Exporter, OpenedTensor } from '../../../src/core/ports/exporter.js';
import hf from '../../../src/plugins/exporters/hf.js';
import { listExporterChecks } from '../../../src/plugins/testing/exporter-conformance.js';
import { failuresOf } from './failures-of.js';

const { open: openHf, ...honest } = hf as Exporter;

const openHonestly = openHf as Required<Exporter>['open'];

/** Writes as `hf` does, and then changes a file. */
const spoil = (file: string, change: (bytes: Buffer) => Buffer | string): Partial<Exporter> => ({
  write: async (model, directory, work, options) => {
    const summary = await honest.write(model, directory, work, options);
    const path = join(directory, file);
    const before = await readFile(path);
    const after = Buffer.from(change(before) as string);
    await writeFile(path, after);
    return { files: summary.files, bytes: summary.bytes + after.length - before.length };
  },
});

/** One value of a tensor is a little larger. */
const readWrong =
  ({ name, read }: OpenedTensor): OpenedTensor['read'] =>
  async (rows) => {
    const { values, maxErrors } = await read(rows);
    return { values: name === 'model.norm.weight' ? values.with(5, (values[5] ?? 0) + 1e-3) : values, maxErrors };
  };

describe('listExporterChecks', () => {
  it.each<[string, Partial<Exporter>, RegExp]>([
    [
      'supports nothing',
      { supports: () => ({ ok: false, reason: 'never' }) },
      /supports none of: layers of one shape, layers that differ, a layer without attention/,
    ],
    ['refuses every model', { refuses: async () => 'no model will do' }, /refuses the made-up model.*no model will do/],
    ['refuses without a word', { refuses: async () => '' }, /gave an empty text in place of undefined or a reason/],
    [
      'changes a weight',
      spoil('model.safetensors', (bytes) => {
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
        return bytes;
      }),
      /can be read back: .*layers of one shape: model\.norm\.weight/,
    ],
    [
      'states other sizes',
      spoil('config.json', (bytes) => String(bytes).replace('"num_hidden_layers": 2', '"num_hidden_layers": 1')),
      /can be read back: .*(?:config\.json does not state the sizes|MODEL_MALFORMED|layers)/,
    ],
    ['leaves the manifest out', spoil('prunecast.json', () => '{}'), /writes the manifest that it is given/],
    [
      'names fewer files than it writes',
      {
        write: async (...given) => {
          const { files, bytes } = await honest.write(...given);
          return { files: files.slice(1), bytes };
        },
      },
      /the files in the folder are not those that it names/,
    ],
    [
      'counts wrong',
      {
        write: async (...given) => {
          const { files, bytes } = await honest.write(...given);
          return { files, bytes: bytes + 1 };
        },
      },
      /the bytes of the files/,
    ],
    [
      'lists other files than it writes',
      { listFiles: async (...given) => ({ ...(await honest.listFiles?.(...given)), 'config.json': 1 }) },
      /layers of one shape: the files that it says it will write/,
    ],
    ['lists no files', { listFiles: async () => [] as never }, /gave .* in place of \{file: bytes\}/],
    [
      'gives a wrong digest',
      {
        write: async (...given) => {
          const { digests, ...summary } = await honest.write(...given);
          return { ...summary, digests: { ...digests, 'config.json': digests?.['model.safetensors'] ?? '' } };
        },
      },
      /the digest of config\.json/,
    ],
    [
      'writes the time',
      spoil('config.json', (bytes) => String(bytes).replace('{', `{"at": "${process.hrtime.bigint()}",`)),
      /writes the same bytes again/,
    ],
    [
      'does not hear of a cancel',
      {
        write: (model, directory, _work, options) =>
          honest.write(model, directory, { signal: new AbortController().signal }, options),
      },
      /stops at a cancel.*it writes all the same/,
    ],
    [
      'asks for multiples that it does not need',
      { restrict: () => ({ multipleOf: { ffn_channels: 2 } }) },
      /asks of all layers.*multiples of 2 ffn_channels, and supports takes all counts/,
    ],
    [
      'leaves out what it needs of all layers',
      {
        supports: (shape, architecture, ...others) =>
          architecture.some(({ ffnChannels }) => ffnChannels % 8 === 7)
            ? { ok: false, reason: 'seven of eight' }
            : honest.supports(shape, architecture, ...others),
        restrict: () => ({}),
      },
      /asks of all layers.*restrict allows .*and supports refuses it: seven of eight/,
    ],
    [
      'opens other sizes',
      {
        open: async (...given) => {
          const opened = await openHonestly(...given);
          return { ...opened, architecture: opened.architecture.map((layer) => ({ ...layer, ffnChannels: 6 })) };
        },
      },
      /opens what it wrote.*what it keeps, as it opens it/,
    ],
    [
      'reads back weights that it did not write',
      {
        open: async (...given) => {
          const opened = await openHonestly(...given);
          return {
            ...opened,
            tensors: (opened.tensors ?? []).map((tensor) => ({ ...tensor, read: readWrong(tensor) })),
          };
        },
      },
      /opens what it wrote.*model\.norm\.weight: .*"index":5.* is further from what was written than maxErrors says/,
    ],
    [
      'reads back fewer values than a tensor has',
      {
        open: async (...given) => {
          const opened = await openHonestly(...given);
          const none = { values: new Float32Array(), maxErrors: new Float32Array() };
          return {
            ...opened,
            tensors: (opened.tensors ?? []).map((tensor) => ({ ...tensor, read: async () => none })),
          };
        },
      },
      /opens what it wrote.*read\(\) gave 0 values of model\.embed_tokens\.weight in place of 80/,
    ],
    [
      'gives the logits of another position',
      {
        open: async (...given) => {
          const opened = await openHonestly(...given);
          return { ...opened, logits: (tokens) => opened.logits(tokens.toReversed()) };
        },
      },
      /opens what it wrote.*a layer without attention: the logits differ by up to 0\.\d+/,
    ],
    [
      'opens a file that is cut short',
      {
        open: (...given) =>
          openHonestly(...given).catch(() => ({
            shape: { hidden: 8, headDim: 2, vocabulary: 10 },
            architecture: [],
            storage: { type: 'F32', rounding: 0 },
            logits: async (tokens) => new Float32Array(10 * tokens.length),
            close: async () => {},
          })),
      },
      /opens no output.*half of model\.safetensors is gone/,
    ],
  ])('finds out one that %s', async (_, fault, message) => {
    expect((await failuresOf(listExporterChecks({ ...honest, ...fault } as Exporter))).join('\n')).toMatch(message);
  });

  it('reads another format back by a function', async () => {
    const failures = await failuresOf(listExporterChecks(honest, { reload: async () => new Map() }));
    expect(failures).toEqual([
      expect.stringContaining('layers of one shape: the tensor model.embed_tokens.weight is missing'),
    ]);
  });
});
