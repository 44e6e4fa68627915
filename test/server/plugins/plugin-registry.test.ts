import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import { defineCompensation } from '../../../src/plugins/define.js';
import type { PluginEntry } from '../../../src/core/ports/plugin-entry.js';
import { PluginRegistry } from '../../../src/server/plugins/plugin-registry.js';

const compensationEntry = (id: string): PluginEntry => ({
  moduleUrl: new URL('file:///compensation.js'),
  plugin: defineCompensation({
    id,
    summary: 'Compensates.',
    needs: [],
    addsBias: false,
    options: z.strictObject({
      depth: z.int().min(1).max(12).default(4),
      nested: z.strictObject({ rate: z.number().max(1).default(0.5) }).prefault({}),
    }),
    prepare: () => ({ compensate: () => ({ weights: new Float32Array() }) }),
  }),
});
const at = (file: string, id: string, overrides?: boolean): PluginEntry => {
  const { plugin } = compensationEntry(id);
  return {
    plugin: overrides === undefined ? plugin : { ...plugin, overrides },
    moduleUrl: new URL(`file:///${file}`),
  };
};

const registry = new PluginRegistry([compensationEntry('stitch'), compensationEntry('glue')]);

function thrownBy(work: () => unknown): PrunecastError {
  try {
    work();
  } catch (error) {
    if (error instanceof PrunecastError) return error;
  }
  throw new Error('no PrunecastError was thrown');
}

describe('resolve', () => {
  it('takes the default if no plug-in is named, with the options that are given and the defaults of the others', () => {
    for (const ref of [undefined, { id: '', options: undefined }]) {
      expect(registry.resolve('compensation', ref, 'glue', 'recipe.compensation')).toMatchObject({
        id: 'glue',
        options: { depth: 4, nested: { rate: 0.5 } },
      });
    }
    expect(
      registry.resolve('compensation', { id: '', options: { depth: 7 } }, 'glue', 'recipe.compensation'),
    ).toMatchObject({ id: 'glue', options: { depth: 7 } });
    expect(
      registry.resolve('compensation', { id: 'stitch', options: { depth: 7 } }, 'glue', 'recipe.compensation'),
    ).toMatchObject({ id: 'stitch', options: { depth: 7 } });
  });

  it('names those there are when it knows no such id', () => {
    const error = thrownBy(() =>
      registry.resolve('compensation', { id: 'tape', options: undefined }, 'glue', 'recipe.compensation'),
    );
    expect(error).toMatchObject({
      reason: 'PLUGIN_NOT_FOUND',
      metadata: { known: 'glue, stitch' },
      violations: [{ field: 'recipe.compensation.id' }],
    });
    // A plug-in of another kind is not one of this kind.
    expect(
      thrownBy(() => registry.resolve('criterion', { id: 'glue', options: undefined }, 'wanda', 'c')).metadata,
    ).toMatchObject({ known: '' });
  });

  it('proposes the nearest id and the nearest option', () => {
    const id = thrownBy(() =>
      registry.resolve('compensation', { id: 'stich', options: undefined }, 'glue', 'recipe.compensation'),
    );
    expect(id.message).toMatch(/there are glue, stitch; did you mean "stitch"\?$/);
    const options = thrownBy(() =>
      registry.resolve('compensation', { id: 'glue', options: { nested: { rat: 1 }, dept: 1, far: 1 } }, 'none', 'f'),
    );
    expect(Object.fromEntries(options.violations.map(({ field, description }) => [field, description]))).toEqual({
      'f.options.dept': expect.stringMatching(/there are depth, .*; did you mean "depth"\?$/) as string,
      'f.options.far': expect.not.stringContaining('did you mean') as string,
      'f.options.nested.rat': expect.stringMatching(/there are rate; did you mean "rate"\?$/) as string,
    });
  });

  it('names the path of each field that violates the schema, unknown ones by their own name', () => {
    const error = thrownBy(() =>
      registry.resolve(
        'compensation',
        { id: 'glue', options: { depth: 13, nested: { rate: 2, weigth: 1 }, dept: 1 } },
        'none',
        'finish',
      ),
    );
    expect(error.reason).toBe('INVALID_OPTIONS');
    expect(error.violations.map(({ field }) => field).sort()).toEqual([
      'finish.options.dept',
      'finish.options.depth',
      'finish.options.nested.rate',
      'finish.options.nested.weigth',
    ]);
  });

  it('says of an option with several forms what each of them allows', () => {
    const { plugin, moduleUrl } = compensationEntry('forms');
    const rate = z.union([z.number(), z.literal('auto'), z.strictObject({ from: z.number() })]).default('auto');
    const forms = new PluginRegistry([
      { plugin: { ...plugin, options: z.strictObject({ rate }) }, moduleUrl },
    ] as const);
    const describe = (given: unknown) =>
      thrownBy(() => forms.resolve('compensation', { id: 'forms', options: { rate: given } }, '', 'f')).violations;
    expect(describe('of')).toEqual([
      {
        field: 'f.options.rate',
        description:
          'Invalid input: expected number, received string, or Invalid input: expected "auto", or Invalid input: expected object, received string',
      },
    ]);
    expect(describe({ from: 'a' })[0]?.description).toContain('from: Invalid input: expected number, received string');
  });
});

describe('PluginRegistry', () => {
  it('lists plug-ins by id, with the schema of what a caller may send', () => {
    const listed = registry.list('compensation');
    expect(listed.map(({ id }) => id)).toEqual(['glue', 'stitch']);
    expect(listed[0]?.optionsSchema).toMatchObject({ properties: { depth: { default: 4, minimum: 1, maximum: 12 } } });
  });

  it('refuses two plug-ins of one kind and id, and names both places', () => {
    const error = thrownBy(() => new PluginRegistry([at('a.js', 'glue'), at('b.js', 'glue')]));
    expect(error).toMatchObject({ reason: 'PLUGIN_INVALID', metadata: { kind: 'compensation', id: 'glue' } });
    expect(error.message).toMatch(/file:\/\/\/a\.js and in file:\/\/\/b\.js/);
    const both = [at('a.js', 'glue', true), at('b.js', 'glue', true), at('c.js', 'glue')];
    expect(thrownBy(() => new PluginRegistry(both)).reason).toBe('PLUGIN_INVALID');
  });

  it('takes the one of two that says that it overrides the other, wherever it stands', () => {
    const rivals = [at('own.js', 'glue'), at('other.js', 'glue', true)];
    for (const entries of [rivals, rivals.toReversed()]) {
      const resolved = new PluginRegistry(entries).resolve('compensation', undefined, 'glue', 'compensation');
      expect(resolved.moduleUrl.href).toBe('file:///other.js');
    }
  });

  it('refuses one that would override what is not there', () => {
    expect(thrownBy(() => new PluginRegistry([at('a.js', 'gleu', true)])).message).toContain('overrides nothing');
  });
});
