import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DEMO_DIRECTORY } from '../support/demo-model.js';
import type { CliResult } from './run-cli.js';

/** A folder in which a shell finds `prunecast`, with a model in `tiny model`; its name needs quotes. */
export interface ShellFolder {
  readonly path: string;
  /** Runs a line in a shell, as a user who pastes it. */
  paste(line: string): Promise<CliResult>;
  remove(): void;
}

export function makeShellFolder(): ShellFolder {
  const path = join(mkdtempSync(join(tmpdir(), 'prunecast-shell-')), "Ann's runs");
  mkdirSync(join(path, 'bin'), { recursive: true });
  cpSync(DEMO_DIRECTORY, join(path, 'tiny model'), { recursive: true });
  const main = resolve(import.meta.dirname, '../../dist/src/cli/main.js');
  writeFileSync(join(path, 'bin/prunecast'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
  chmodSync(join(path, 'bin/prunecast'), 0o755);
  const env = { ...process.env, PATH: `${join(path, 'bin')}:${process.env['PATH']}` };
  return {
    path,
    paste: (line) =>
      new Promise((done) => {
        execFile('sh', ['-c', line], { cwd: path, env }, (error, stdout, stderr) =>
          done({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
        );
      }),
    remove: () => rmSync(join(path, '..'), { recursive: true }),
  };
}
