import { execFileSync, spawnSync } from 'node:child_process';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder } from '../support/test-server.js';

const ROOT = resolve(import.meta.dirname, '../..');
const SEED = '  optional int64 seed = 20;\n';

let folder = '';
beforeEach(async () => {
  folder = await makeFolder();
  for (const part of ['proto', 'buf.yaml']) await cp(join(ROOT, part), join(folder, part), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function check(): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts/check-breaking.mjs'), folder], {
    encoding: 'utf8',
  });
  return { status, said: stdout + stderr };
}

/** Changes the message SearchRequest. */
async function replaceSeed(by: string): Promise<void> {
  const file = join(folder, 'proto/prunecast/v1/pruning.proto');
  const text = await readFile(file, 'utf8');
  expect(text.split(SEED)).toHaveLength(2);
  await writeFile(file, text.replace(SEED, by));
}

const git = (...args: readonly string[]) => execFileSync('git', args, { cwd: folder, stdio: 'pipe' });

describe('the check for breaking changes of the protos', () => {
  it('passes what this checkout has, and a new field, against the baseline', async () => {
    expect(check()).toMatchObject({ status: 0, said: expect.stringContaining('baseline') as string });
    await replaceSeed(`${SEED}  optional int64 another_seed = 999;\n`);
    expect(check().status).toBe(0);
  });

  it.each([
    ['removed', '', 'field "20" with name "seed" on message "SearchRequest" was deleted'],
    ['renumbered', '  optional int64 seed = 998;\n', 'field "20" with name "seed"'],
    ['of another type', '  optional string seed = 20;\n', 'changed type from "int64" to "string"'],
  ])('fails for a field that is %s', async (_, by, said) => {
    await replaceSeed(by);
    expect(check()).toMatchObject({ status: 1, said: expect.stringContaining(said) as string });
  });

  it('compares with the newest tag of a release where there is one', async () => {
    git('init', '-q');
    const commit = (tag: string) => {
      git('add', '-A');
      git('-c', 'user.name=t', '-c', 'user.email=t@example.org', 'commit', '-qm', tag);
      git('tag', tag);
    };
    commit('v0.9.0');
    await replaceSeed('');
    commit('v0.10.0');
    expect(check()).toMatchObject({ status: 0, said: expect.stringContaining('v0.10.0') as string });
    git('tag', '-d', 'v0.10.0');
    expect(check()).toMatchObject({ status: 1, said: expect.stringContaining('v0.9.0') as string });
  });
});
