import type { Command } from 'commander';
import { Precision, type DeepPartial, type FidelitySpec, type WindowProtocol } from '../../client/index.js';
import { parseChoice, parseCount } from './values.js';

export interface WindowFlags {
  readonly window?: number;
  readonly stride?: number;
  readonly bos?: boolean;
}

/** Flags that say how a text is cut into windows. */
export function addWindowFlags(command: Command): Command {
  return command
    .option('--window <TOKENS>', 'tokens a window, BOS included (default: 128)', parseCount)
    .option('--stride <TOKENS>', "tokens from one window's start to the next (default: the window)", parseCount)
    .option('--bos', 'BOS is the first token of each window');
}

/** The windows that were asked for; undefined where nothing was. */
export function readWindows({ window, stride, bos }: WindowFlags): DeepPartial<WindowProtocol> | undefined {
  const windows = {
    ...(window !== undefined && { window }),
    ...(stride !== undefined && { stride }),
    ...(bos !== undefined && { bos }),
  };
  return Object.keys(windows).length > 0 ? windows : undefined;
}

/** The arithmetic of an evaluation, by name. */
export const parsePrecision = parseChoice({ float32: Precision.FLOAT32, int8: Precision.INT8 });

/** So many tokens at most, in this precision; undefined where neither was given. */
export function readFidelity(tokens: number | undefined, precision?: Precision): DeepPartial<FidelitySpec> | undefined {
  if (tokens === undefined && precision === undefined) return undefined;
  return { ...(tokens !== undefined && { tokenLimit: tokens }), ...(precision !== undefined && { precision }) };
}
