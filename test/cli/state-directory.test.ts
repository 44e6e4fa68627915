import { rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findRunning } from '../../src/cli/session/ask-running-server.js';
import { findStateDirectory, stateVariables } from '../../src/cli/session/state-directory.js';
import { loadConfig } from '../../src/server/config/config.js';
import { findSockets } from '../../src/state-folder/socket-paths.js';
import { makeFolder } from '../support/test-server.js';

let folder: string;
let config: string;
beforeEach(async () => {
  folder = await makeFolder();
  config = join(folder, 'prunecast.yaml');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

describe('the state folder that a command means', () => {
  it.each([
    ['stateDirectory: state', 'state'],
    ['# JSON is YAML\n{"stateDirectory": "/srv/state", "threads": 2}', '/srv/state'],
    ['stateDirectory: ~/state', join(homedir(), 'state')],
    ['threads: 2', join(homedir(), '.local/state/prunecast')],
  ])('is that of the server whose file of settings says %j', async (text, expected) => {
    await writeFile(config, text);
    const environment = { XDG_STATE_HOME: join(homedir(), '.local/state') };
    const found = await findStateDirectory({ config }, environment);
    expect(found).toBe(resolve(folder, expected));
    expect(await findStateDirectory({}, { ...environment, PRUNECAST_CONFIG: config })).toBe(found);
    // As the server reads the same file, and as a process of the server's that a command starts.
    expect(loadConfig({ ...environment, PRUNECAST_CONFIG: config }).stateDirectory).toBe(found);
    expect(loadConfig({ ...environment, ...stateVariables({ config }) }).stateDirectory).toBe(found);
  });

  it('is named by the flag over the variable over the file', async () => {
    await writeFile(config, 'stateDirectory: of-file');
    const environment = { PRUNECAST_STATE_DIRECTORY: '/of-variable', PRUNECAST_CONFIG: config };
    expect(await findStateDirectory({ stateDir: '/of-flag', config }, environment)).toBe('/of-flag');
    expect(await findStateDirectory({ config }, environment)).toBe('/of-variable');
  });

  it('is not guessed if the file cannot be read', async () => {
    await expect(findStateDirectory({ config }, {})).rejects.toThrow(`${config} cannot be read: ENOENT`);
    await writeFile(config, 'stateDirectory: "');
    await expect(findStateDirectory({ config }, {})).rejects.toThrow(/cannot be read: Missing closing "quote/);
  });

  it('is where the commands for operators look for a server', async () => {
    await writeFile(config, 'stateDirectory: state');
    vi.stubEnv('PRUNECAST_STATE_DIRECTORY', '');
    const { address } = await findRunning({ config });
    expect(address).toBe(`unix:${findSockets(join(folder, 'state')).calls}`);
  });
});
