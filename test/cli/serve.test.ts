import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.js';
import { listServeFlags, readSettings } from '../../src/cli/commands/serve.js';
import { SettingOption } from '../../src/cli/options/setting-option.js';
import { CONFIG_SCHEMA } from '../../src/server/config/config.js';
import { CONFIG_FILE_VARIABLE, environmentName } from '../../src/server/config/setting-variables.js';

describe('prunecast serve', () => {
  it('sets what a flag without a value names to true', () => {
    const setting = { flag: '--safe', variable: 'PRUNECAST_SAFE', group: 'Network', summary: 'safely' };
    const command = new Command().addOption(new SettingOption(setting));
    expect(readSettings(command)).toEqual({});
    command.parseOptions(['--safe']);
    expect(readSettings(command)).toEqual({ PRUNECAST_SAFE: 'true' });
  });

  it('has a flag for every setting of the server, and for the file of them', () => {
    expect(
      listServeFlags()
        .map(({ variable }) => variable)
        .sort(),
    ).toEqual([CONFIG_FILE_VARIABLE, ...Object.keys(CONFIG_SCHEMA.shape).map(environmentName)].sort());
  });

  it.each(listServeFlags())('$flag sets $variable and nothing else, the last value or the list of all', (setting) => {
    const command = createProgram().commands.find((candidate) => candidate.name() === 'serve');
    if (command === undefined) throw new Error('there is no command serve');
    expect(readSettings(command)).toEqual({});
    const [flag = ''] = setting.flag.split(' ');
    command.parseOptions([flag, 'first', flag, 'second']);
    expect(readSettings(command)).toEqual({
      [setting.variable]: !setting.flag.includes('<') ? 'true' : 'isList' in setting ? '["first","second"]' : 'second',
    });
  });
});
