import { describe, expect, it } from 'vitest';
import { PrunecastError } from '../../../../src/core/errors/prunecast-error.js';
import { toOutputError } from '../../../../src/server/adapters/files/file-errors.js';

function refuse(root: string, path: string, { code, syscall }: { readonly code: string; readonly syscall: string }) {
  const error = toOutputError(
    Object.assign(new Error('no'), { code, syscall, path }),
    { output: 'pruned', reads: [] },
    root,
  );
  if (!(error instanceof PrunecastError)) throw new Error('not told');
  return error;
}

describe('an output that cannot be written', () => {
  it('in a folder without the right to says which folder and what to do, to the user whose own server it is', () => {
    const cure = 'you may not write in /data/closed: name a folder where you may, or take the right (`chmod u+w`)';
    expect(refuse('/', '/data/closed', { code: 'EACCES', syscall: 'access' }).message).toContain(cure);
    // The folder that could not be made is not the one that refused it.
    expect(refuse('/', '/data/closed/new', { code: 'EACCES', syscall: 'mkdir' }).message).toContain(cure);
  });

  it('below the root of a server for others names no path outside that root', () => {
    const { message } = refuse('/srv/out', '/srv/out/closed', { code: 'EACCES', syscall: 'access' });
    expect(message).toContain('the user of the server may not write in closed: give that user the right');
    const above = refuse('/srv/out', '/srv/out', { code: 'EROFS', syscall: 'mkdir' });
    expect(above.message).toContain('the file system of the output root is read-only');
  });

  it('tells its obstacle once: the message about its one field is that of the violation', () => {
    const { message, violations } = refuse('/', '/data', { code: 'EROFS', syscall: 'access' });
    expect(message).toBe(`output: ${violations[0]?.description}`);
    expect(message).toContain('read-only: name a folder elsewhere');
  });
});
