import { EventEmitter, once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { tellOpening } from '../../../src/server/rpc/tell-opening.js';

describe('a job that is being opened', () => {
  it('sends heartbeats while there is nothing to tell, so that a caller does not take a busy server for a lost one', async () => {
    const gate = new EventEmitter();
    const open = async (): Promise<string> => String(await once(gate, 'opened'));
    const opening = tellOpening(new AbortController().signal, open, 1);
    for (const beat of [1, 2]) {
      const { value } = await opening.next();
      expect([beat, value]).toMatchObject([
        beat,
        { event: { jobId: '', sequence: 0n, payload: { $case: 'heartbeat' } } },
      ]);
    }
    gate.emit('opened', 'job-1');
    expect(await opening.next()).toEqual({ done: true, value: 'job-1' });
  });
});
