import { pluginFlags } from './plugin.js';
import type { RequestFlag } from './request-flag.js';
import { textFieldFlag, textFlag } from './text.js';
import { parseCount } from './values.js';

/** Flags that say how the pruned model is trained before it is written. */
export function recoveryFlags(recovery = 'recovery'): RequestFlag[] {
  return [
    ...pluginFlags('recovery', `${recovery}.plugin`, 'trains the pruned model: none, or distill'),
    textFlag('--recovery-text', `${recovery}.text.text`, 'text that it is trained on', { showsNoDefault: true }),
    textFieldFlag('--recovery-text-field', `${recovery}.text.text`, '--recovery-text'),
    {
      flags: '--recovery-sequences <COUNT>',
      summary: 'sequences of that text',
      field: `${recovery}.text.sequences`,
      parse: parseCount,
      showsNoDefault: true,
    },
  ];
}
