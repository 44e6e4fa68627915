import { describe, expect, it } from 'vitest';
import { RequestError } from '../../src/cli/output/request-error.js';
import { adviseRoots } from '../../src/cli/session/advise-roots.js';
import { afterFailure } from '../../src/cli/session/next-commands.js';
import { writeCommandLine } from '../../src/cli/session/shell-words.js';
import { CallError } from '../../src/client/index.js';

const GREETING = {
  version: '1',
  processId: 7,
  address: 'unix:/state/server.sock',
  kind: 'serve',
  plugins: [],
  roots: { models: ['/srv/models', '/srv/more'], texts: ['/srv/texts'], output: '/srv/out' },
} as const;

const ARGV = ['prune', '--model', '/srv/models/a', '--output=/home/ann/a b', '--state-dir', 's'];

function refuse(reason: string, flag: string): RequestError {
  const failure = new CallError('no', { code: 'INVALID_ARGUMENT', reason });
  return new RequestError('no', failure, [{ field: 'x', flag, description: 'no' }]);
}

describe('a path outside the roots of a `serve` that was found', () => {
  it('of an output is told with the roots, and with commands that write under one or at another server', () => {
    const advised = adviseRoots(refuse('PATH_OUTSIDE_ROOTS', '--output'), GREETING, ARGV) as RequestError;
    expect(advised.message).toContain(
      '(process 7), which reads models under /srv/models, /srv/more and texts under /srv/texts, and writes under /srv/out',
    );
    expect(afterFailure(advised, ARGV).map(({ words }) => writeCommandLine(words))).toEqual([
      "prune --model /srv/models/a --state-dir s --output '/srv/out/a b'",
      "prune --model /srv/models/a '--output=/home/ann/a b' --state-dir prunecast-state",
    ]);
  });

  it('of a model is told with a command at another server only', () => {
    const advised = adviseRoots(refuse('MODEL_NOT_FOUND', '--model'), GREETING, ARGV);
    expect(afterFailure(advised, ARGV)).toHaveLength(1);
  });

  it('is not what other errors are about', () => {
    const other = refuse('OUTPUT_EXISTS', '--output');
    expect(adviseRoots(other, GREETING, ARGV)).toBe(other);
  });
});
