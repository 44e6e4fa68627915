import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CatalogServiceService, GetServerInfoResponse } from '../../src/gen/prunecast/v1/catalog.js';
import { Precision } from '../../src/gen/prunecast/v1/common.js';
import { listen, makeSocket } from '../client/fake-server.js';
import { readJsonLines, runCli } from './run-cli.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunecast-doctor-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('prunecast doctor', () => {
  it('tells each check in a line, leaves no file, and ends with 0 if none failed', async () => {
    const { code, stdout, stderr } = await runCli(['doctor'], { cwd: folder });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^ok {4}node +${process.versions.node.replaceAll('.', '\\.')};`, 'm'));
    expect(stdout).toMatch(/^ok {4}onnxruntime .*a product of matrices is right$/m);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('ends with 1 if one failed, with JSON lines for programs and only what is not well with --quiet', async () => {
    const wrong = ['doctor', '--state-dir', '/proc/self/state'];
    const [json, quiet] = await Promise.all([
      runCli([...wrong, '--json'], { cwd: folder }),
      runCli([...wrong, '--quiet'], { cwd: folder }),
    ]);
    expect([json.code, quiet.code]).toEqual([1, 1]);
    expect(readJsonLines(json.stdout)).toContainEqual({
      name: 'state',
      state: 'fail',
      finding: expect.stringContaining('/proc/self/state') as string,
      advice: expect.any(String) as string,
    });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { message: 'not all is well: state', exit_code: 1 } });
    expect(quiet.stdout).toMatch(/^fail {2}state /m);
    expect(quiet.stdout).not.toMatch(/^ok/m);
  });

  it('names settings that a server would refuse', async () => {
    const { code, stdout } = await runCli(['doctor'], { cwd: folder, environment: { PRUNECAST_THREADS: '0' } });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^fail {2}settings .*\n.*PRUNECAST_THREADS/m);
  });

  it('asks a running server, and tells that its version is another', async () => {
    const { address, remove } = makeSocket();
    const server = await listen(address, [
      [
        CatalogServiceService,
        {
          listPlugins: () => undefined,
          getServerInfo: (_: unknown, answer: (error: null, value: object) => void) =>
            answer(
              null,
              GetServerInfoResponse.fromPartial({
                version: '99.0.0',
                nodeVersion: '24.1.0',
                threads: 6,
                memoryBudgetBytes: 2n ** 33n,
                precisions: [Precision.FLOAT32],
              }),
            ),
        },
      ],
    ]);
    const { code, stdout } = await runCli(['doctor', '--address', address], { cwd: folder });
    server.forceShutdown();
    remove();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^warn {2}prunecast +99\.0\.0/m);
    expect(stdout).toMatch(/^warn {2}int8 +not offered/m);
    expect(stdout).toMatch(/^ok {4}memory +8\.0 GiB as budget$/m);
  });
});
