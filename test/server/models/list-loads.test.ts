import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineExporter } from '../../../src/plugins/define.js';
import none from '../../../src/plugins/compensations/none.js';
import type { Exporter } from '../../../src/core/ports/exporter.js';
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

const tell = (rows: Awaited<ReturnType<typeof listLoads>>) =>
  rows.map(({ uniform, options, loadsIn, note }) => [uniform, options, loadsIn, note]);

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
      ['plain', true, ['something']],
      ['asks', false, []],
      ['plain', false, ['something']],
    ]);
    expect(rows[0]?.note).toMatch(/^depends on its options, which have no default: exporter\.options\.target: /);
    expect(rows[1]?.note).toBe('');
  });

  it('tells of a program that loads nothing else with which options it would, or why it does not', async () => {
    const plugin = defineExporter({
      id: 'forms',
      summary: 'Writes forms.',
      options: z.strictObject({ form: z.enum(['plain', 'even', 'wide']).default('plain').describe('Which.') }),
      supports: (_, architecture, _biases, { form }) => {
        if (form === 'plain') return { ok: true, loadsIn: ['tool 2 or later'] };
        if (form === 'wide') return { ok: true, loadsIn: ['tool 3 or later'] };
        return architecture[0]?.ffnChannels === 172
          ? { ok: true, loadsIn: ['engine'] }
          : { ok: false, reason: 'too narrow; widen it' };
      },
      write: async () => ({ files: [], bytes: 0 }),
    });
    const plugins = new PluginRegistry([
      { moduleUrl, plugin: none },
      { moduleUrl, plugin },
    ]);
    const checkpoint = { shape: STORIES_SHAPE, rawConfig: {}, files: { readBeside: async () => undefined } };
    expect(tell(await listLoads(checkpoint, plugins))).toEqual([
      [true, undefined, ['tool 2 or later'], ''],
      [true, { form: 'even' }, ['engine'], ''],
      [false, undefined, ['tool 2 or later'], ''],
      [false, { form: 'even' }, [], 'engine takes only other shapes of it: too narrow; widen it'],
    ]);
    // Of an architecture and an exporter with options of its own.
    const { plugin: exporter } = plugins.all('exporter')[0] ?? { plugin };
    const architecture = STORIES_SHAPE.layers.map((layer) => ({ ...layer, ffnChannels: 100 }));
    const exporters = [{ exporter: exporter as Exporter, options: { form: 'wide' } }];
    expect(tell(await listLoads(checkpoint, plugins, { architecture, exporters }))).toEqual([
      [true, undefined, ['tool 3 or later'], ''],
      [true, { form: 'even' }, [], 'engine takes only other shapes of it: too narrow; widen it'],
    ]);
  });
});
