import type { Command } from 'commander';
import { DimensionKind, ExportTarget, type DeepPartial, type SearchSpaceSpec } from '../../client/index.js';
import { parseChoice, parseCount, parseLayers, parseShare } from './values.js';

export interface SpaceFlags {
  readonly protect?: number[];
  readonly kinds?: DimensionKind[];
  readonly minRate?: number;
  readonly maxRate?: number;
  readonly rateStep?: number;
  readonly channelMultiple?: number;
  readonly tieRun?: number;
  readonly target?: ExportTarget;
}

/** Flags that say which layers and kinds of units take part, and between which rates. */
export function addSpaceFlags(command: Command): Command {
  return command
    .option(
      '--protect <LAYERS|none>',
      'layers that keep everything, such as 0,1,29 (default: the first round(3/32 L), the last round(2/32 L))',
      parseLayers,
    )
    .option(
      '--kinds <KINDS>',
      `what takes part, of ${Object.keys(KINDS).join(', ')} (default: kv-heads,ffn-channels)`,
      (value) => value.split(',').map(parseChoice(KINDS)),
    )
    .option('--min-rate <RATE>', 'lowest pruning rate (default: 0)', parseShare)
    .option('--max-rate <RATE>', 'highest pruning rate (default: 0.5, or twice what the budget needs)', parseShare)
    .option('--rate-step <RATE>', 'only rates so far apart (default: any count)', parseShare)
    .option('--channel-multiple <COUNT>', 'FFN channels kept are multiples of this (default: 1)', parseCount)
    .option('--tie-run <COUNT>', 'runs of so many layers share one rate (default: 1)', parseCount)
    .option('--target <SHAPES>', 'per-layer, or uniform: all layers alike (default: per-layer)', parseChoice(TARGETS));
}

/** The space that was asked for; undefined where nothing was. */
export function readSpace({
  protect,
  kinds,
  minRate,
  maxRate,
  rateStep,
  channelMultiple,
  tieRun,
  target,
}: SpaceFlags): DeepPartial<SearchSpaceSpec> | undefined {
  const space = {
    ...(protect !== undefined && { protectedLayers: { layers: protect } }),
    ...(kinds !== undefined && { kinds }),
    ...(minRate !== undefined && { minRate }),
    ...(maxRate !== undefined && { maxRate }),
    ...(rateStep !== undefined && { rateStep }),
    ...(channelMultiple !== undefined && { channelMultiple }),
    ...(tieRun !== undefined && { tieRun }),
    ...(target !== undefined && { target }),
  };
  return Object.keys(space).length > 0 ? space : undefined;
}

const KINDS = {
  'kv-heads': DimensionKind.KV_HEADS,
  'query-heads-per-kv': DimensionKind.QUERY_HEADS_PER_KV,
  'ffn-channels': DimensionKind.FFN_CHANNELS,
} as const;

const TARGETS = { 'per-layer': ExportTarget.PER_LAYER, uniform: ExportTarget.UNIFORM } as const;
