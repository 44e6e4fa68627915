import { ApiError, type Api } from './api.js';
import type { JobEvent } from '../messages.js';

/** How a job is followed. */
export type Link = 'live' | 'waiting' | 'hidden' | 'ended';

interface Follower {
  event(event: JobEvent): void;
  /** Events before this number are no longer kept. */
  missed(oldest: string): void;
  link(link: Link): void;
}

/** The longest wait before connecting again. */
const MOST_WAIT_MS = 10_000;

/**
 * Follows a job's events from the first until it has ended, none missed and none repeated, across broken connections
 * and restarts of the server. A hidden page holds no connection: browsers open few to one server. Throws ApiError if
 * the server refuses.
 */
export async function followJob(api: Api, jobId: string, follower: Follower, signal: AbortSignal): Promise<void> {
  let after = '0';
  let failures = 0;
  while (!signal.aborted) {
    if (document.hidden) {
      follower.link('hidden');
      await untilVisible(signal);
      continue;
    }
    const connection = new AbortController();
    const hide = (): void => {
      if (document.hidden) connection.abort();
    };
    const leave = (): void => connection.abort();
    document.addEventListener('visibilitychange', hide);
    signal.addEventListener('abort', leave);
    try {
      const path = `/api/jobs/${encodeURIComponent(jobId)}/events`;
      for await (const { event } of api.events<{ event: JobEvent }>(path, after, connection.signal)) {
        failures = 0;
        follower.link('live');
        if (event.sequence !== undefined) after = event.sequence;
        follower.event(event);
        if (event.ended !== undefined) {
          follower.link('ended');
          return;
        }
      }
      failures += 1;
    } catch (error) {
      if (signal.aborted) return;
      const oldest = error instanceof ApiError ? error.metadata['oldest_sequence'] : undefined;
      if (error instanceof ApiError && error.reason === 'EVENTS_COMPACTED' && oldest !== undefined) {
        after = String(Number(oldest) - 1);
        follower.missed(oldest);
        continue;
      }
      const isOver = error instanceof ApiError && (error.reason === 'SERVER_STOPPING' || error.reason === '');
      if (!isOver && !connection.signal.aborted) throw error;
      if (!connection.signal.aborted) failures += 1;
    } finally {
      document.removeEventListener('visibilitychange', hide);
      signal.removeEventListener('abort', leave);
      connection.abort();
    }
    if (failures > 0) {
      follower.link('waiting');
      await pause(Math.min(MOST_WAIT_MS, 500 * 2 ** failures), signal);
    }
  }
}

function untilVisible(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener('visibilitychange', settle);
      signal.removeEventListener('abort', settle);
      resolve();
    };
    document.addEventListener('visibilitychange', settle);
    signal.addEventListener('abort', settle);
    settle();
  });
}

/** Waits; not longer than until the signal fires. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', settle);
      resolve();
    };
    const timer = setTimeout(settle, ms);
    signal.addEventListener('abort', settle);
    if (signal.aborted) settle();
  });
}
