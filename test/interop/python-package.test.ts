import { execFile, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

/** A Python with grpcio, protobuf and pytest; any other is a reason to skip. */
const PYTHON = process.env['PRUNECAST_PYTHON'] ?? 'python3';
const PACKAGE = resolve(import.meta.dirname, '../../python');
const hasPackages = spawnSync(PYTHON, ['-c', 'import google.protobuf, grpc, pytest']).status === 0;

/** The tests of the Python package by their names, which pytest alone knows. */
function collectTests(): readonly string[] {
  const { stdout } = spawnSync(PYTHON, ['-m', 'pytest', '--collect-only', '-q'], { cwd: PACKAGE, encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes('::'));
}

interface Outcome {
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'error';
  /** Why it was skipped; empty for other outcomes. */
  readonly reason: string;
}

describe.skipIf(!hasPackages)(`the Python package (needs grpcio and pytest in PRUNECAST_PYTHON, ${PYTHON})`, () => {
  const outcomes = new Map<string, Outcome>();
  let printed = '';

  beforeAll(async () => {
    const run = promisify(execFile)(PYTHON, ['-m', 'pytest', '-v', '--color=no', '--tb=short'], {
      cwd: PACKAGE,
      env: { ...process.env, COLUMNS: '400' },
      maxBuffer: 2 ** 24,
    });
    // A test that fails ends pytest with an error; what it printed is in it.
    printed = (await run.catch((error: { readonly stdout: string }) => error)).stdout;
    for (const [, name = '', outcome = '', reason = ''] of printed.matchAll(
      /^(\S+::.+?) (PASSED|FAILED|SKIPPED|ERROR)(?: \((.*)\))?/gm,
    ))
      outcomes.set(name, { outcome: outcome.toLowerCase() as Outcome['outcome'], reason });
  }, 900_000);

  it.for(hasPackages ? collectTests() : ['has tests'])('%s', (name, { skip }) => {
    const { outcome, reason } = outcomes.get(name) ?? {};
    if (outcome === 'skipped') skip(reason);
    expect({ outcome, printed: outcome === 'passed' ? '' : printed }).toEqual({ outcome: 'passed', printed: '' });
  });
});
