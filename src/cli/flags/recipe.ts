import type { Command } from 'commander';
import type { DeepPartial, Recipe, Text } from '../../client/index.js';
import { addPluginFlags, readPlugin } from './plugin.js';
import { parseCount, parseSeed } from './values.js';

export interface RecipeFlags {
  readonly criterion?: string;
  readonly criterionOption?: readonly (readonly [string, unknown])[];
  readonly compensation?: string;
  readonly compensationOption?: readonly (readonly [string, unknown])[];
  readonly calibration?: string;
  readonly sequences?: number;
  readonly sequenceTokens?: number;
  readonly criterionSeed?: bigint;
}

/** Flags that say how units are ranked and kept weights mended. */
export function addRecipeFlags(command: Command): Command {
  addPluginFlags(command, 'criterion', 'ranks the units (default: fluctuation)');
  addPluginFlags(command, 'compensation', 'mends the kept weights (default: least-squares)');
  return command
    .option('--calibration <FILE|@TEXT>', 'text that calibrated criteria and compensations look at')
    .option('--sequences <COUNT>', 'calibration sequences (default: 320, or as many as the text has)', parseCount)
    .option('--sequence-tokens <COUNT>', 'tokens a calibration sequence (default: 128)', parseCount)
    .option('--criterion-seed <SEED>', 'seed of criteria that draw (default: 0)', parseSeed);
}

/** The recipe that was asked for; undefined where nothing was. `toText` names a text as the server knows it. */
export function readRecipe(
  flags: RecipeFlags,
  toText: (flag: string) => DeepPartial<Text>,
): DeepPartial<Recipe> | undefined {
  const criterion = readPlugin(flags.criterion, flags.criterionOption, 'fluctuation');
  const compensation = readPlugin(flags.compensation, flags.compensationOption, 'least-squares');
  const { calibration, sequences, sequenceTokens, criterionSeed } = flags;
  const calibrated = {
    ...(calibration !== undefined && { text: toText(calibration) }),
    ...(sequences !== undefined && { sequences }),
    ...(sequenceTokens !== undefined && { sequenceTokens }),
  };
  const recipe = {
    ...(criterion !== undefined && { criterion }),
    ...(compensation !== undefined && { compensation }),
    ...(Object.keys(calibrated).length > 0 && { calibration: calibrated }),
    ...(criterionSeed !== undefined && { seed: criterionSeed }),
  };
  return Object.keys(recipe).length > 0 ? recipe : undefined;
}
