import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { digestBytes } from '../../../src/engine/files/digest.js';
import { pruneModel } from '../../../src/engine/surgery/prune-model.js';
import { BUILTIN_PLUGINS } from '../../../src/plugins/builtin/list.js';
import { makeFolder } from '../../engine/checkpoint/tiny-checkpoint.js';
import { DEMO_DIRECTORY, unattended } from '../../support/demo-model.js';
import { keepLast } from '../../support/keep-last.js';

/** Of widths that blocks of quantised values allow. */
const KEPT = Array.from({ length: 5 }, () => keepLast(2, 128));

/** Each exporter with its defaults, and with each value of each option that has a list of them. */
const VARIANTS = BUILTIN_PLUGINS.flatMap(({ plugin }) => {
  if (plugin.kind !== 'exporter') return [];
  const { properties = {} } = z.toJSONSchema(plugin.options as z.ZodType, { io: 'input' });
  const chosen = Object.entries(properties).flatMap(([name, field]) =>
    (typeof field === 'object' ? (field.enum ?? []) : []).map((value) => ({ [name]: value })),
  );
  return [{}, ...chosen].map((options) => ({ plugin, options, name: `${plugin.id} ${JSON.stringify(options)}` }));
});

/** The SHA-256 of each file by its path. */
async function digestFiles(directory: string): Promise<Record<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(
    await Promise.all(
      files.map(async (file) => [file.slice(directory.length + 1), digestBytes(await readFile(file))] as const),
    ),
  );
}

it('each exporter writes the same bytes again, with each value of its options', async () => {
  const checkpoint = await openCheckpoint(DEMO_DIRECTORY);
  const written = new Map<string, Record<string, string>>();
  const refused: string[] = [];
  try {
    for (const { plugin, options, name } of VARIANTS) {
      const model = pruneModel({ checkpoint, keptUnits: KEPT });
      const complete = plugin.options.parse(options);
      if (!plugin.supports(checkpoint.shape, model.architecture, 'none', complete).ok) {
        refused.push(name);
        continue;
      }
      const [first, again] = [await makeFolder(), await makeFolder()];
      for (const directory of [first, again]) await plugin.write(model, directory, unattended, complete);
      written.set(name, await digestFiles(first));
      expect([name, await digestFiles(again)]).toEqual([name, written.get(name)]);
    }
  } finally {
    await checkpoint.close();
  }
  expect(refused).toEqual(['hf {"form":"decilm"}']); // its FFNs have 256 channels at least
  const weights = ['f32', 'f16', 'bf16', 'q8_0', 'q4_0'].map(
    (type) => written.get(`gguf {"type":"${type}"}`)?.['model.gguf'],
  );
  expect(new Set(weights).size).toBe(5);
});
