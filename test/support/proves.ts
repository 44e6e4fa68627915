import { z } from 'zod';
import { FAMILIES } from '../../src/engine/families/find-family.js';
import { BUILTIN_PLUGINS } from '../../src/plugins/builtin/list.js';

/** What a test has shown to load. `scripts/describe-exports.mjs` reads it in the test's source: all values are literals. */
export interface ExportProof {
  readonly exporter: string;
  /** The option `form`; left out for the default. */
  readonly form?: string;
  /** What loaded it. */
  readonly runtime:
    | 'transformers'
    | 'transformers 4'
    | 'llama.cpp'
    | 'ONNX Runtime'
    | 'ONNX Runtime in Python'
    | 'transformers.js';
  /** Values of the option that says how weights are stored (`dtype`, `type`). */
  readonly types: readonly string[];
  readonly layers: readonly ('one shape' | 'FFN widths that differ' | 'heads that differ' | 'dropped halves')[];
  /** Ids of families. */
  readonly families: readonly string[];
}

/**
 * Says what a test proves about exports, after what it expects: `docs/exports.md` lists it with the test. A value that
 * does not exist fails the test.
 */
export function proves({ exporter: id, form, types, families }: ExportProof): void {
  const plugin = BUILTIN_PLUGINS.find(({ plugin: each }) => each.kind === 'exporter' && each.id === id)?.plugin;
  if (plugin === undefined) throw new RangeError(`no exporter has the id ${id}`);
  const { properties = {} } = z.toJSONSchema(plugin.options as z.ZodType, { io: 'input' });
  const known = new Set(
    Object.values(properties).flatMap((field) => (typeof field === 'object' ? (field.enum ?? []) : [])),
  );
  const unknown = [...types, ...(form === undefined ? [] : [form])].find((value) => !known.has(value));
  if (unknown !== undefined) throw new RangeError(`no option of ${id} has the value ${unknown}`);
  const stranger = families.find((family) => !FAMILIES.some(({ id: own }) => own === family));
  if (stranger !== undefined) throw new RangeError(`no family has the id ${stranger}`);
}
