import { setImmediate } from 'node:timers/promises';

/**
 * What long work of the server's own thread awaits every few milliseconds: it lets others run, and rejects with the
 * reason of a signal that has fired meanwhile.
 */
export function breatheUnder(signal: AbortSignal): () => Promise<void> {
  return async () => {
    await setImmediate();
    signal.throwIfAborted();
  };
}
