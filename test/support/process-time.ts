import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { listChildren } from './children.js';

/** Milliseconds of a thread. */
interface ThreadTime {
  /** On a processor. */
  readonly ran: number;
  /** On a processor, or waiting for one: what computes on a busy machine may get a twentieth of one. */
  readonly wanted: number;
}

/** Of all threads of this process and of those that it has started, on Linux. */
function readThreads(processId = process.pid): Map<string, ThreadTime> {
  const own = readOwnThreads(processId);
  for (const child of own.size === 0 ? [] : listChildren(processId))
    for (const [thread, time] of readThreads(child)) own.set(thread, time);
  return own;
}

function readOwnThreads(processId: number): Map<string, ThreadTime> {
  const folder = `/proc/${processId}/task`;
  const times = new Map<string, ThreadTime>();
  try {
    for (const thread of readdirSync(folder)) {
      const [ran = 0, waited = 0] = readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ').map(Number);
      times.set(thread, { ran: ran / 1e6, wanted: (ran + waited) / 1e6 });
    }
  } catch {
    // a thread or the process has ended meanwhile
  }
  return times;
}

const LOOK_MS = 200;

/** What is idle may want a processor for this share of the time, for heartbeats and the like. */
const IDLE_SHARE = 0.5;

/** Waits until nothing is computed; the processor time until then. Rejects when `mostMs` have passed. */
export async function spendUntilIdle(mostMs: number): Promise<number> {
  const since = performance.now();
  let spent = 0;
  for (let before = readThreads(), at = since; performance.now() - since < mostMs; ) {
    await pause(LOOK_MS);
    const [now, threads] = [performance.now(), readThreads()];
    const grown = (of: keyof ThreadTime): number =>
      [...threads].reduce((sum, [thread, time]) => sum + time[of] - (before.get(thread)?.[of] ?? 0), 0);
    if (grown('wanted') < IDLE_SHARE * (now - at)) return spent;
    spent += grown('ran');
    [before, at] = [threads, now];
  }
  throw new Error(`still computes after ${mostMs} ms`);
}
