import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { decodeError, encodeError } from '../../../src/engine/workers/message-errors.js';
import { encodeStatus } from '../../../src/server/errors/encode-status.js';
import { unpack } from '../../support/test-server.js';

const log = pino({ level: 'silent' });

/** What the system calls an error, as Node gives it. */
function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: open '/models/secret/model.safetensors'`), { code });
}

describe('a want of files, threads or memory', () => {
  it.each([
    ['EMFILE', 'OVERLOADED', 5],
    ['ENFILE', 'OVERLOADED', 5],
    ['ERR_WORKER_INIT_FAILED', 'OVERLOADED', 5],
    ['ENOMEM', 'MEMORY_EXCEEDED', undefined],
  ])('is reported as what it is, not as a fault of the server: %s', (code, reason, retrySeconds) => {
    const found = unpack(encodeStatus(systemError(code), log));
    expect(found).toMatchObject({ reason, retrySeconds, message: expect.stringContaining(code) as string });
    expect(found.message).not.toContain('secret');
  });

  it('keeps its reason on the way out of a thread', () => {
    expect(decodeError(encodeError(systemError('EMFILE')))).toMatchObject({ reason: 'OVERLOADED' });
  });

  it('leaves every other error a fault of the server', () => {
    expect(unpack(encodeStatus(systemError('EIO'), log))).toMatchObject({ reason: 'INTERNAL' });
  });
});
