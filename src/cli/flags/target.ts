import { InvalidArgumentError, type Command } from 'commander';
import type { Architecture, DeepPartial, DimensionRates, KeptUnits } from '../../client/index.js';
import { toArchitecture, toKeptUnits } from '../proto-json.js';
import { collect, parseJsonArgument, parseShare, parseShares } from './values.js';

/** What stays of a model, in the words of the requests that share these cases. */
export type Target =
  | { readonly $case: 'architecture'; readonly value: DeepPartial<Architecture> }
  | { readonly $case: 'uniformRate'; readonly value: number }
  | { readonly $case: 'dimensionRates'; readonly value: DeepPartial<DimensionRates> }
  | { readonly $case: 'keptUnits'; readonly value: DeepPartial<KeptUnits> }
  | { readonly $case: 'manifest'; readonly value: { readonly [key: string]: unknown } }
  | { readonly $case: 'earlierOutput'; readonly value: string };

/** A target, and what to call it in a table. */
export interface NamedTarget {
  readonly name: string;
  readonly target: Target;
}

export interface TargetFlags {
  readonly rate?: readonly NamedTarget[];
  readonly rates?: readonly NamedTarget[];
  readonly architecture?: readonly NamedTarget[];
  readonly units?: readonly NamedTarget[];
  readonly manifest?: readonly NamedTarget[];
  readonly earlierOutput?: readonly NamedTarget[];
}

/** Flags that say what stays; each may be repeated where several targets make sense. */
export function addTargetFlags(command: Command): Command {
  return command
    .option(
      '--rate <RATE>',
      'one pruning rate for heads and channels of every prunable layer',
      collect((value) => name(`rate ${value}`, { $case: 'uniformRate', value: parseShare(value) })),
    )
    .option(
      '--rates <RATES>',
      'one pruning rate a dimension, in the order that `inspect` shows: 0,0.25,0.5',
      collect((value) => name(`rates ${value}`, { $case: 'dimensionRates', value: { rates: parseShares(value) } })),
    )
    .option(
      '--architecture <FILE|@JSON>',
      'kept counts: [{"kv_heads": 4, "query_heads_per_kv": 2, "ffn_channels": 86}, ...]',
      collect((value) => name(value, { $case: 'architecture', value: toArchitecture(parseJsonArgument(value)) })),
    )
    .option(
      '--units <FILE|@JSON>',
      'exact kept units: [{"kv_groups": [0], "query_heads": [0, 1], "ffn_channels": [3, 5]}, ...], or bitmaps in base64',
      collect((value) => name(value, { $case: 'keptUnits', value: toKeptUnits(parseJsonArgument(value)) })),
    )
    .option(
      '--manifest <FILE>',
      'the prunecast.json of an output: exactly the units it names',
      collect((value) => name(value, { $case: 'manifest', value: requireObject(parseJsonArgument(value)) })),
    )
    .option(
      '--earlier-output <NAME>',
      'an earlier output, by its folder below the output root: the units of its prunecast.json, which is not sent',
      collect((value) => name(value, { $case: 'earlierOutput', value })),
    );
}

/** All targets that were given, by kind of flag. */
export function readTargets({
  rate = [],
  rates = [],
  architecture = [],
  units = [],
  manifest = [],
  earlierOutput = [],
}: TargetFlags): NamedTarget[] {
  return [...rate, ...rates, ...architecture, ...units, ...manifest, ...earlierOutput];
}

function name(label: string, target: Target): NamedTarget {
  return { name: label, target };
}

function requireObject(value: unknown): { readonly [key: string]: unknown } {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as { readonly [key: string]: unknown };
  throw new InvalidArgumentError('a manifest is a JSON object.');
}
