import { enumForm, enumsForm } from './enum-form.js';
import type { Json, RequestFlag } from './request-flag.js';
import { parseCount, parseLayers, parseShare } from './values.js';

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
      flags: '--target <SHAPES>',
      summary: 'shapes that the target loads: per-layer, or uniform (all layers alike)',
      field: `${field}.target`,
      ...enumForm('EXPORT_TARGET', ['per-layer', 'uniform']),
    },
  ];
}

function writeLayers(list: Json): string {
  const { layers = [] } = list as { readonly layers?: readonly number[] };
  return layers.length === 0 ? 'none' : layers.join(',');
}
