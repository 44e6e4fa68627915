import { describe, expect, it } from 'vitest';
import { ownCommand } from '../../../src/cli/demo/own-command.js';

describe('ownCommand', () => {
  it.each([
    ['an installed command', '/usr/local/bin/prunecast', 'prunecast'],
    ['a package of the project', '/home/me/project/node_modules/.bin/prunecast', 'npx prunecast'],
    ['a build below the folder', '/home/me/project/dist/src/cli/main.js', 'node dist/src/cli/main.js'],
    ['a build elsewhere', '/opt/a build/dist/src/cli/main.js', "node '/opt/a build/dist/src/cli/main.js'"],
  ])('says how the process was started: %s', (_, script, command) => {
    expect(ownCommand(script, '/home/me/project')).toBe(command);
  });
});
