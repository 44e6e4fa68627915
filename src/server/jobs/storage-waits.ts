import { ofSystem } from '../../core/errors/of-system.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { DiskRoom } from '../../core/ports/disk-room.js';
import type { StoredJob } from '../../core/ports/job-store.js';
import type { EventCodec } from './event-codec.js';

/** Jobs that have paused since something could not be stored, and go on by themselves. */
export interface StorageWaits {
  /**
   * What a job of this server pauses with, with the room that there is now; `undefined` if the error is another one, and
   * the job fails with it.
   */
  pauseFor(jobId: string, error: unknown): Promise<PrunecastError | undefined>;
  /** Whether it is a job of this server that has paused so. */
  isOwn(jobId: string): boolean;
  /** Whether a job that waits with an error may try again. To be asked every few seconds. */
  mayGoOn(job: StoredJob): Promise<boolean>;
  /** Forgets all but the jobs that have not ended. */
  retain(unfinished: readonly StoredJob[]): void;
}

export interface StorageWaitSettings {
  readonly room: DiskRoom;
  readonly codec: Pick<EventCodec, 'readError'>;
  /** After so long a job tries again in any case: not every quota can be seen. */
  readonly mostWaitMs: number;
}

/** The store's own errors, or the disk's: the same may be stored later. */
export function findStorageFault(error: unknown): PrunecastError | undefined {
  const reasoned = error instanceof PrunecastError ? error : ofSystem(error);
  return reasoned?.reason === 'STORAGE_FULL' || reasoned?.reason === 'STATE_UNAVAILABLE' ? reasoned : undefined;
}

const MIB = 2 ** 20;
/** So much must have been freed if it is unknown what a job needs, unless there is plenty. */
const STEP_BYTES = 4 * MIB;
const PLENTY_BYTES = 64 * MIB;
/** For the small files beside the weights of an output. */
const BESIDE_BYTES = MIB;

/** How long a job that has paused a second time waits at least; each further time twice as long. */
const SECOND_WAIT_MS = 4000;

interface Wait {
  /** The event that paused it. */
  readonly sequence: number;
  readonly sinceMs: number;
  /** How often it has paused. */
  readonly times: number;
}

export function createStorageWaits({ room, codec, mostWaitMs }: StorageWaitSettings): StorageWaits {
  const own = new Set<string>();
  const waits = new Map<string, Wait>();
  const look = ({ id, lastSequence }: StoredJob): Wait => {
    const known = waits.get(id);
    if (known?.sequence === lastSequence) return known;
    // The clock of the machine may be set back meanwhile; this one is not.
    const wait = { sequence: lastSequence, sinceMs: performance.now(), times: (known?.times ?? 0) + 1 };
    waits.set(id, wait);
    return wait;
  };
  const isRoom = async ({ error = new Uint8Array() }: StoredJob): Promise<boolean> => {
    const { reason, metadata } = codec.readError(error) ?? { reason: '', metadata: {} };
    if (reason !== 'STORAGE_FULL') return true;
    const free = await room.freeBytes(metadata);
    if (free === undefined) return false;
    const { needed_bytes: needed, free_bytes: before = '0' } = metadata;
    return (
      free >=
      (needed === undefined ? Math.min(Number(before) + STEP_BYTES, PLENTY_BYTES) : Number(needed) + BESIDE_BYTES)
    );
  };
  return {
    pauseFor: async (jobId, error) => {
      const fault = findStorageFault(error);
      if (fault === undefined) return undefined;
      own.add(jobId);
      if (fault.reason !== 'STORAGE_FULL') return fault;
      const free = await room.freeBytes(fault.metadata);
      return new PrunecastError(fault.reason, fault.message, {
        metadata: {
          folder: 'stateDirectory',
          ...fault.metadata,
          ...(free === undefined ? {} : { free_bytes: String(free) }),
        },
        cause: fault.cause,
      });
    },
    isOwn: (jobId) => own.has(jobId),
    mayGoOn: async (job) => {
      const { sinceMs, times } = look(job);
      const waitedMs = performance.now() - sinceMs;
      if (waitedMs >= mostWaitMs) return true;
      if (times > 1 && waitedMs < SECOND_WAIT_MS * 2 ** (times - 2)) return false;
      return isRoom(job);
    },
    retain: (unfinished) => {
      const ids = new Set(unfinished.map(({ id }) => id));
      for (const id of [...own, ...waits.keys()]) {
        if (ids.has(id)) continue;
        own.delete(id);
        waits.delete(id);
      }
    },
  };
}
