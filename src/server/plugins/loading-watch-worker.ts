import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

/** What the thread that watches the loading of a plug-in is told. */
export interface LoadingWatch {
  readonly limitMs: number;
  readonly message: string;
}

const { limitMs, message } = workerData as LoadingWatch;
setTimeout(() => {
  writeSync(2, `${message}\n`);
  // Exit handlers would wait for the thread that is lost.
  process.kill(process.pid, 'SIGKILL');
}, limitMs);
