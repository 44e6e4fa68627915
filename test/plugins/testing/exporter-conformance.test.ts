import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Exporter } from '../../../src/core/ports/exporter.js';
import hf from '../../../src/plugins/exporters/hf.js';
import { listExporterChecks } from '../../../src/plugins/testing/exporter-conformance.js';
import { failuresOf } from './failures-of.js';

const honest = hf as Exporter;

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

describe('listExporterChecks', () => {
  it.each<[string, Partial<Exporter>, RegExp]>([
    [
      'supports nothing',
      { supports: () => ({ ok: false, reason: 'never' }) },
      /supports none of: layers of one shape, layers that differ, a layer without attention/,
    ],
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
