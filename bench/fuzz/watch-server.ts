import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { LOOP_LOG_VARIABLE, type LoopPause } from './loop-log.js';
import { readLoopClock } from '../watch-loop.js';

/*
 * Loaded into the server by `node --import`: writes a line to a file whenever the event loop was held for long. Time
 * that the thread waited for a processor does not count, as in `watchLoop`.
 */

const LEAST_MS = 50;

const file = process.env[LOOP_LOG_VARIABLE];
if (isMainThread && file !== undefined) {
  let last = readLoopClock();
  setInterval(() => {
    const now = readLoopClock();
    const elapsed = now.elapsed - last.elapsed;
    const pauseMs = Number.isNaN(now.waited) ? elapsed : elapsed - (now.waited - last.waited);
    last = now;
    if (pauseMs > LEAST_MS)
      appendFileSync(file, `${JSON.stringify({ endMs: Date.now(), pauseMs } satisfies LoopPause)}\n`);
  }, 5).unref();
}
