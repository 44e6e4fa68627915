import { enumForm, enumsForm } from './enum-form.js';
import { getField } from './get-field.js';
import { writePluginOptions } from './plugin.js';
import type { Json, JsonObject, RequestFlag } from './request-flag.js';
import { setField } from './set-field.js';
import { parseCount, parseLayers, parsePluginOption, parseShare } from './values.js';

const KINDS = ['kv-heads', 'query-heads-per-kv', 'ffn-channels'] as const;

/**
 * Flags that say which layers and kinds of units may be pruned, and between which rates.
 *
 * @param field path of the `SearchSpaceSpec`
 */
export function spaceFlags(field: string): RequestFlag[] {
  return [
    {
      flags: '--protect <LAYERS|none>',
      summary: 'layers that stay whole, such as 0,1,29',
      field: `${field}.protected_layers`,
      parse: (text) => ({ layers: parseLayers(text) }),
      write: writeLayers,
    },
    {
      flags: '--kinds <KINDS>',
      summary: `what may be pruned, comma-separated: ${KINDS.join(', ')}`,
      field: `${field}.kinds`,
      ...enumsForm('DIMENSION_KIND', KINDS),
    },
    { flags: '--min-rate <RATE>', summary: 'lowest pruning rate', field: `${field}.min_rate`, parse: parseShare },
    { flags: '--max-rate <RATE>', summary: 'highest pruning rate', field: `${field}.max_rate`, parse: parseShare },
    {
      flags: '--rate-step <RATE>',
      summary: 'step between the allowed rates',
      field: `${field}.rate_step`,
      parse: parseShare,
    },
    {
      flags: '--channel-multiple <COUNT>',
      summary: 'keep a multiple of this many FFN channels',
      field: `${field}.channel_multiple`,
      parse: parseCount,
    },
    {
      flags: '--tie-run <COUNT>',
      summary: 'consecutive layers that share one rate',
      field: `${field}.tie_run`,
      parse: parseCount,
    },
    {
      flags: '--target <SHAPES|EXPORTER>',
      summary:
        'make only what loads there: per-layer or uniform (all layers alike) shapes, or those that an exporter can write, as gguf',
      field: `${field}.target`,
      repeats: true,
      proposes: { from: 'plugins', kind: 'exporter' },
      fill: (request, given) => given.map(({ text }) => fillTarget(request, field, text)),
      take: (request) => takeTargets(request, field),
    },
    {
      flags: '--target-option <NAME=VALUE>',
      summary: 'an option of the exporter of --target, as type=q8_0',
      field: `${field}.exporter.options`,
      repeats: true,
      ownJson: true,
      parse: parsePluginOption,
      write: writePluginOptions,
      proposes: { from: 'plugin-options', kind: 'exporter' },
      showsNoDefault: true,
    },
  ];
}

const SHAPES = ['per-layer', 'uniform'] as const;
const { parse: parseShapes, write: writeShapes } = enumForm('EXPORT_TARGET', SHAPES);

/** Kinds of shapes have a field of their own. */
function fillTarget(request: JsonObject, field: string, text: string): string {
  const isShapes = SHAPES.some((name) => name === text.toLowerCase().replaceAll('_', '-'));
  return isShapes
    ? setField(request, `${field}.target`, parseShapes(text))
    : setField(request, `${field}.exporter.id`, text);
}

function takeTargets(request: JsonObject, field: string): string[] {
  const shapes = getField(request, `${field}.target`);
  const exporter = getField(request, `${field}.exporter.id`);
  const written = shapes === undefined ? [] : [writeShapes(shapes) ?? []].flat();
  if (written.length > 0) setField(request, `${field}.target`, null);
  if (typeof exporter === 'string') setField(request, `${field}.exporter.id`, null);
  return [...written, ...(typeof exporter === 'string' ? [exporter] : [])];
}

function writeLayers(list: Json): string {
  const { layers = [] } = list as { readonly layers?: readonly number[] };
  return layers.length === 0 ? 'none' : layers.join(',');
}
