import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import type { StoredJob } from '../../../src/core/ports/job-store.js';
import { createStorageWaits, type StorageWaits } from '../../../src/server/jobs/storage-waits.js';
import { newJob } from '../../support/job-records.js';

const MIB = 2 ** 20;
const MOST_MS = 600_000;

const room: { free: number | undefined } = { free: 0 };
const readError = (error: Uint8Array) =>
  JSON.parse(Buffer.from(error).toString()) as { reason: string; metadata: Record<string, string> };

let waits: StorageWaits;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  room.free = 0;
  waits = createStorageWaits({ room: { freeBytes: async () => room.free }, codec: { readError }, mostWaitMs: MOST_MS });
});
afterEach(() => vi.useRealTimers());

/** A job that has paused with an error. */
async function pauseWith(error: unknown, lastSequence = 5): Promise<StoredJob> {
  const fault = await waits.pauseFor('job-1', error);
  if (fault === undefined) throw new Error('not paused');
  const { reason, metadata } = fault;
  return {
    ...newJob('job-1'),
    state: 'paused',
    startedMs: 1,
    endedMs: undefined,
    lastSequence,
    queuePlace: 0,
    progress: undefined,
    error: Buffer.from(JSON.stringify({ reason, metadata })),
    phases: undefined,
    fruitlessStarts: 0,
  };
}

const full = (metadata: Record<string, string> = {}) => new PrunecastError('STORAGE_FULL', 'full', { metadata });

describe('a job that has met a full disk', () => {
  it('goes on when there is room for what it needs', async () => {
    const job = await pauseWith(full({ folder: 'outputRoot', needed_bytes: String(10 * MIB) }));
    room.free = 10 * MIB;
    expect(await waits.mayGoOn(job)).toBe(false);
    room.free = 11 * MIB; // small files lie beside the weights
    expect(await waits.mayGoOn(job)).toBe(true);
  });

  it('goes on when some was freed or there is plenty, where it is unknown what it needs', async () => {
    room.free = MIB;
    const job = await pauseWith(Object.assign(new Error('write'), { code: 'ENOSPC' }));
    expect(readError(job.error ?? new Uint8Array()).metadata).toEqual({
      code: 'ENOSPC',
      folder: 'stateDirectory',
      free_bytes: String(MIB),
    });
    room.free = 4 * MIB;
    expect(await waits.mayGoOn(job)).toBe(false);
    room.free = 5 * MIB;
    expect(await waits.mayGoOn(job)).toBe(true);
    room.free = 100 * MIB;
    expect(await waits.mayGoOn(await pauseWith(full(), 9))).toBe(false); // a second time, at once
    vi.advanceTimersByTime(4000);
    expect(await waits.mayGoOn(await pauseWith(full(), 9))).toBe(true);
  });

  it('waits twice as long each further time, for a quota that no one sees', async () => {
    room.free = 1000 * MIB;
    expect(await waits.mayGoOn(await pauseWith(full()))).toBe(true);
    for (const [index, seconds] of [4, 8, 16, 32, 64, 128, 256, 512, 600, 600].entries()) {
      const job = await pauseWith(full(), 10 + index);
      expect(await waits.mayGoOn(job)).toBe(false);
      vi.advanceTimersByTime(1000 * seconds - 1);
      expect(await waits.mayGoOn(job)).toBe(false);
      vi.advanceTimersByTime(1);
      expect(await waits.mayGoOn(job)).toBe(true);
    }
  });

  it.each([0, undefined])('goes on after the longest wait in any case, with %s bytes free', async (free) => {
    room.free = free;
    const job = await pauseWith(full());
    expect(await waits.mayGoOn(job)).toBe(false);
    vi.advanceTimersByTime(MOST_MS - 1);
    expect(await waits.mayGoOn(job)).toBe(false);
    vi.advanceTimersByTime(1);
    expect(await waits.mayGoOn(job)).toBe(true);
  });

  it('is forgotten when it has ended', async () => {
    const job = await pauseWith(full());
    waits.retain([job]);
    expect(waits.isOwn('job-1')).toBe(true);
    waits.retain([]);
    expect(waits.isOwn('job-1')).toBe(false);
  });
});

it('a job whose state could not be written goes on as soon as it can be', async () => {
  expect(await waits.mayGoOn(await pauseWith(new PrunecastError('STATE_UNAVAILABLE', 'locked')))).toBe(true);
});

it('a job that has met another error does not pause', async () => {
  expect(await waits.pauseFor('job-1', new PrunecastError('MODEL_CHANGED', 'changed'))).toBeUndefined();
  expect(await waits.pauseFor('job-1', new Error('a fault'))).toBeUndefined();
});
