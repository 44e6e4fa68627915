import { InvalidArgumentError } from 'commander';
import { packUnitLists } from './kept-units.js';
import type { Json, JsonObject, RequestFlag } from './request-flag.js';
import { parseJsonArgument, parseShare, parseShares } from './values.js';

/**
 * Flags that say what stays of a model.
 *
 * @param entry path of the message with the oneof and a dot, `targets[].`, where each use adds a target; empty for one
 * choice
 */
export function targetFlags(entry: 'targets[].' | ''): RequestFlag[] {
  const repeats = entry === '' ? {} : ({ repeats: true } as const);
  return [
    {
      flags: '--rate <RATE>',
      summary: 'one pruning rate for the heads and channels of every prunable layer',
      field: `${entry}uniform_rate`,
      parse: parseShare,
      ...repeats,
    },
    {
      flags: '--rates <RATES>',
      summary: 'one pruning rate per dimension, in the order that `inspect` shows: 0,0.25,0.5',
      field: `${entry}dimension_rates.rates`,
      parse: parseShares,
      ...repeats,
    },
    {
      flags: '--architecture <FILE|@JSON>',
      summary: 'kept counts: [{"kv_heads": 4, "query_heads_per_kv": 2, "ffn_channels": 86}, ...]',
      field: `${entry}architecture`,
      parse: (text) => wrapLayers(parseJsonArgument(text)),
      proposes: { from: 'files' },
      ownJson: true,
      ...repeats,
    },
    {
      flags: '--units <FILE|@JSON>',
      summary:
        'exact kept units: [{"kv_groups": [0], "query_heads": [0, 1], "ffn_channels": [3, 5]}, ...], or bitmaps in base64',
      field: `${entry}kept_units`,
      parse: (text) => packUnitLists(wrapLayers(parseJsonArgument(text))),
      proposes: { from: 'files' },
      ownJson: true,
      ...repeats,
    },
    {
      flags: '--manifest <FILE>',
      summary: 'the prunecast.json of an output: exactly the units that it names',
      field: `${entry}manifest`,
      parse: (text) => requireObject(parseJsonArgument(text)),
      proposes: { from: 'files' },
      ownJson: true,
      ...repeats,
    },
    {
      flags: '--earlier-output <DIR>',
      summary: 'an earlier output: exactly the units that its prunecast.json names, which is not sent',
      field: `${entry}earlier_output`,
      place: 'earlier-output',
      ...repeats,
    },
  ];
}

/** A message of layers may be given as the list alone. */
export function wrapLayers(value: Json): Json {
  return Array.isArray(value) ? { layers: value as readonly Json[] } : value;
}

function requireObject(value: Json): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new InvalidArgumentError('a manifest is a JSON object.');
}
