import { setTimeout as pause } from 'node:timers/promises';
import { attend, type Visit } from './attend.js';

/** Attendance of whichever `serve` has a state folder. */
export interface Stay {
  /** Fires once none has it any more: the last one has ended, and no other came within the grace. */
  readonly ended: AbortSignal;
  /** Leaves it. */
  leave(): Promise<void>;
}

/** When a `serve` that has ended counts as gone. */
export interface RestartGrace {
  /** How long a restart may take. Default 10,000. */
  readonly graceMs?: number;
  /** Between two looks for the next one. Default 250. */
  readonly betweenMs?: number;
}

/**
 * Goes on attending a `serve`, which may be restarted: if it ends, the next one on the same socket is attended in its
 * place. A server that a command starts there meanwhile does not count: it leaves interrupted jobs waiting.
 *
 * @param first the visit of the one that is there
 * @param path of its socket
 */
export function stay(first: Visit, path: string, { graceMs = 10_000, betweenMs = 250 }: RestartGrace = {}): Stay {
  const ended = new AbortController();
  const left = new AbortController();
  let visit = first;
  const findNext = async (): Promise<Visit | undefined> => {
    const giveUpAt = performance.now() + graceMs;
    while (!left.signal.aborted && performance.now() < giveUpAt) {
      // What may be somebody else's is not the server that this command used.
      const found = await attend(path).catch(() => undefined);
      if (found?.greeting.kind === 'serve') return found;
      await found?.leave({ graceMs: 0 });
      await pause(betweenMs, undefined, { signal: left.signal }).catch(() => undefined);
    }
    return undefined;
  };
  const replace = async (): Promise<void> => {
    const next = await findNext();
    if (left.signal.aborted) return void (await next?.leave());
    if (next === undefined) return ended.abort();
    visit = next;
    follow();
  };
  const follow = (): void => visit.ended.addEventListener('abort', () => void replace(), { once: true });
  if (visit.ended.aborted) void replace();
  else follow();
  return {
    ended: ended.signal,
    leave: async () => {
      left.abort();
      await visit.leave();
    },
  };
}
