import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { describeSetting, reportConfig } from '../../../src/server/config-check/report-config.js';

describe('a report of settings', () => {
  it('has no value of a setting that is secret, but whether it is set', () => {
    const schema = z.string().optional().describe('A word.').meta({ secret: true });
    const source = { from: 'environment', where: 'PRUNECAST_WORD' } as const;
    const report = describeSetting({ name: 'word', schema, value: 'sesame', source });
    expect(report).toEqual({ name: 'word', hidden: true, ...source, meaning: 'A word.' });
    expect(describeSetting({ name: 'word', schema, value: undefined, source })).not.toHaveProperty('hidden');
  });

  it('has the faults of files and folders on request only, and none of folders that a default names', async () => {
    const environment = { PRUNECAST_STATE_DIRECTORY: '/proc/version/state', PRUNECAST_DATA_ROOTS: '/absent' };
    const faults = [
      'dataRoots (PRUNECAST_DATA_ROOTS): /absent is not there',
      'stateDirectory (PRUNECAST_STATE_DIRECTORY): /proc/version/state cannot be made: /proc/version is no folder',
    ];
    expect((await reportConfig(environment)).faults).toEqual([]);
    expect((await reportConfig(environment, { checksPaths: true })).faults).toEqual(faults);
  });

  it('says what a server would refuse of keys, tokens, groups and plug-ins, without what a file of tokens holds', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'prunecast-'));
    const path = (name: string) => join(folder, name);
    const keys = { PRUNECAST_TLS_CERTIFICATE: path('server.pem'), PRUNECAST_TLS_KEY: path('server.pem') };
    const tokens = { PRUNECAST_TOKENS_FILE: path('tokens.yaml') };
    await writeFile(path('server.pem'), 'no key');
    await writeFile(path('tokens.yaml'), 'tokens: [{ name: a, scopes: [run], sha256: pct_word }]');
    const check = async (environment: Record<string, string>) =>
      (await reportConfig({ PRUNECAST_STATE_DIRECTORY: folder, ...environment }, { checksPaths: true })).faults;
    try {
      expect(await check({ ...keys, ...tokens, PRUNECAST_SOCKET_GROUP: 'no such' })).toEqual([
        expect.stringContaining('tlsCertificate and tlsKey cannot be used'),
        expect.stringMatching(/tokens\.yaml \(tokensFile\) cannot be read: tokens\.0\.sha256(?!.*pct_word)/),
        expect.stringContaining('no group "no such" (socketGroup)'),
      ]);
      expect(await check({ PRUNECAST_PLUGINS: '/absent/knn.js,knn,exec:./knn,unix:/run/knn.sock' })).toEqual([
        'plugins (PRUNECAST_PLUGINS): /absent/knn.js is not there',
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says that a server does not start on an address that other machines reach', async () => {
    const reports = await Promise.all(
      ['false', 'true'].map((insecure) =>
        reportConfig({ PRUNECAST_LISTEN: '0.0.0.0:1', PRUNECAST_INSECURE: insecure }, { checksPaths: true }),
      ),
    );
    const ofReach = reports.map(({ faults }) => faults.filter((fault) => fault.includes('0.0.0.0:1')));
    expect(ofReach).toEqual([[expect.stringMatching(/no encryption.*no authentication/)], []]);
  });
});
