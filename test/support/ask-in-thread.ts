import { startWorker } from '../../src/onnx-runtime/start-worker.js';

type Message = { readonly asked: string } | { readonly failed: string } | { readonly done: true };

/** What came of a fixture that was run in a thread. */
export interface Asked {
  /** In order, what it began with. */
  readonly asked: readonly string[];
  readonly failed: readonly string[];
  /** What it was at when the time was over and the thread was ended; undefined where it came to its end. */
  readonly stuck: string | undefined;
}

/** Runs a fixture that tells what it asks in a thread, and ends the thread when the time is over: a loop without an end fails a test in place of holding it. */
export async function askInThread(fixture: string, workerData: unknown, limitMs: number): Promise<Asked> {
  const worker = startWorker(new URL(`../fixtures/${fixture}`, import.meta.url), { workerData });
  const [asked, failed]: [string[], string[]] = [[], []];
  const isDone = await new Promise<boolean>((resolve, reject) => {
    const timer = setTimeout(() => resolve(false), limitMs);
    worker
      .once('error', reject)
      .once('exit', () => clearTimeout(timer))
      .on('message', (message: Message) => {
        if ('asked' in message) asked.push(message.asked);
        else if ('failed' in message) failed.push(message.failed);
        else resolve(true);
      });
  });
  await worker.terminate();
  return { asked, failed, stuck: isDone ? undefined : asked.at(-1) };
}
