import { spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listLeftBehind } from '../support/killed-server.js';
import { launchSpecifier } from '../support/remote-plugin.js';
import { makeFolder } from '../support/test-server.js';

/* What a server has launched ends with it, also when it is killed. Skipped where Python with numpy and grpcio is missing; for Go see example-predictor.test.ts. */

const PYTHON = process.env['PRUNECAST_PYTHON'] ?? 'python3';
const PACKAGE = resolve(import.meta.dirname, '../../python');
const PYTHON_PLUGINS = join(PACKAGE, 'tests/plugins_of_all_kinds.py');

describe.runIf(process.platform === 'linux')('a server that is killed', () => {
  it.for<[what: string, missing: () => string, command: () => string]>([
    ['of JavaScript', () => '', () => launchSpecifier()],
    [
      'of the Python kit',
      () =>
        spawnSync(PYTHON, ['-c', 'import numpy, grpc, google.protobuf']).status === 0
          ? ''
          : `no numpy or grpcio in ${PYTHON}`,
      () => `exec:PYTHONPATH=${join(PACKAGE, 'src')} ${PYTHON} ${PYTHON_PLUGINS}`,
    ],
  ])('leaves no plug-in process %s behind', { timeout: 300_000 }, async ([, missing, command], { skip }) => {
    skip(missing() !== '', missing());
    const folder = await makeFolder();
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    expect(await listLeftBehind(folder, command())).toEqual([]);
  });
});
