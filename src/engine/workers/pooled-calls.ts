import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PoolPlace } from './memory-pool.js';
import type { ModelThread } from './model-thread.js';

/**
 * The calls of a model's thread, each with the memory that the pool grants it. A call that turns out to need more than
 * it was granted, but not more than the whole budget, is made again when that much is free.
 */
export function callInPool(
  thread: ModelThread,
  place: PoolPlace,
  wholeBytes: number,
): Pick<ModelThread, 'call' | 'stream'> {
  return {
    call: async (name, argument, work) => {
      for (let leastBytes = 0; ; ) {
        const grantedBytes = await place.enter(leastBytes, work.signal);
        try {
          return await thread.call(name, argument, work, grantedBytes);
        } catch (error) {
          leastBytes = readNeeded(error, grantedBytes, wholeBytes);
        } finally {
          place.leave();
        }
      }
    },
    stream: async function* stream(name, argument, work) {
      for (let leastBytes = 0; ; ) {
        const grantedBytes = await place.enter(leastBytes, work.signal);
        let items = 0;
        try {
          for await (const item of thread.stream(name, argument, work, grantedBytes)) {
            items += 1;
            yield item;
          }
          return;
        } catch (error) {
          if (items > 0) throw error;
          leastBytes = readNeeded(error, grantedBytes, wholeBytes);
        } finally {
          place.leave();
        }
      }
    },
  };
}

/**
 * What a refused call is to be granted next. Throws the error itself if the whole budget would not be enough, or if it
 * is another error.
 */
function readNeeded(error: unknown, grantedBytes: number, wholeBytes: number): number {
  const neededBytes =
    error instanceof PrunecastError && error.reason === 'MEMORY_EXCEEDED'
      ? Number(error.metadata['needed_bytes'])
      : Infinity;
  if (grantedBytes >= wholeBytes || !(neededBytes <= wholeBytes)) throw error;
  return neededBytes > grantedBytes ? neededBytes : wholeBytes; // some errors name only a part of what they need
}
