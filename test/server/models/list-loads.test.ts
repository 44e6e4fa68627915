import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineExporter } from '../../../src/plugins/define.js';
import none from '../../../src/plugins/compensations/none.js';
import type { PluginEntry } from '../../../src/core/ports/plugin-entry.js';
import { listLoads } from '../../../src/server/models/list-loads.js';
import { PluginRegistry } from '../../../src/server/plugins/plugin-registry.js';
import { STORIES_SHAPE } from '../../support/shapes.js';

const moduleUrl = new URL('file:///plugin.js');

function exporter(id: string, options: z.ZodType): PluginEntry {
  return {
    moduleUrl,
    plugin: defineExporter({
      id,
      summary: 'Writes.',
      options,
      supports: () => ({ ok: true, loadsIn: ['something'] }),
      write: async () => ({ files: [], bytes: 0 }),
    }),
  };
}

describe('listLoads', () => {
  it('names an exporter whose required option has no default in its own rows, and says of all others what loads', async () => {
    const plugins = new PluginRegistry([
      { moduleUrl, plugin: none },
      exporter('asks', z.strictObject({ target: z.string().describe('Where to.') })),
      exporter('plain', z.strictObject({ bits: z.int().default(8).describe('How many.') })),
    ]);
    const rows = await listLoads(
      { shape: STORIES_SHAPE, rawConfig: {}, files: { readBeside: async () => undefined } },
      plugins,
    );
    expect(rows.map((row) => [row.exporter, row.uniform, row.loadsIn])).toEqual([
      ['asks', true, []],
      ['asks', false, []],
      ['plain', true, ['something']],
      ['plain', false, ['something']],
    ]);
    expect(rows[0]?.note).toMatch(/^depends on its options, which have no default: exporter\.options\.target: /);
    expect(rows[2]?.note).toBe('');
  });
});
