import { pluginFlags } from './plugin.js';
import type { RequestFlag } from './request-flag.js';
import { textFieldFlag, textFlag } from './text.js';
import { parseCount, parseSeed } from './values.js';

/**
 * Flags that say how units are ranked and the kept weights compensated.
 *
 * @param recipe path of the `Recipe`
 * @param calibration path of the calibration text, which a study keeps with its other texts
 */
export function recipeFlags(recipe: string, calibration = `${recipe}.calibration.text`): RequestFlag[] {
  return [
    ...pluginFlags('criterion', `${recipe}.criterion`, 'ranks the units'),
    ...pluginFlags('compensation', `${recipe}.compensation`, 'adjusts the kept weights for what was removed'),
    textFlag('--calibration', calibration, 'text for criteria and compensations that need calibration', {
      showsNoDefault: true,
    }),
    textFieldFlag('--calibration-field', calibration, '--calibration'),
    {
      flags: '--sequences <COUNT>',
      summary: 'calibration sequences',
      field: `${recipe}.calibration.sequences`,
      parse: parseCount,
    },
    {
      flags: '--stream-sequences <COUNT>',
      summary: 'calibration sequences of a fit on the stream',
      field: `${recipe}.calibration.stream_sequences`,
      parse: parseCount,
    },
    {
      flags: '--sequence-tokens <COUNT>',
      summary: 'tokens per calibration sequence',
      field: `${recipe}.calibration.sequence_tokens`,
      parse: parseCount,
    },
    {
      flags: '--criterion-seed <SEED>',
      summary: 'seed of criteria that draw random numbers',
      field: `${recipe}.seed`,
      parse: parseSeed,
    },
  ];
}
