import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { type CallThread, startCallThread } from './call-thread.js';
import type { DecoderCalls, DecoderThreadData } from './decoder-messages.js';
import { startGatedWorker } from './gated-worker.js';
import { workerUrl } from './worker-url.js';

/** Runs a decoder graph in a thread of its own. */
export function startDecoderThread(threadData: Omit<DecoderThreadData, 'gate'>): CallThread<DecoderCalls> {
  return startCallThread<DecoderCalls>({
    begin: () => startGatedWorker(workerUrl(new URL('./decoder-worker.js', import.meta.url)), threadData),
    failed: (cause) => new PrunecastError('INTERNAL', "the graph's thread ended while it ran", { cause }),
    closed: () => new PrunecastError('SERVER_STOPPING', 'the graph was closed'),
  });
}
