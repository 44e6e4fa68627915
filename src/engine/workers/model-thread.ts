import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { WorkControl } from '../../core/ports/progress.js';
import { startWorker } from '../../onnx-runtime/start-worker.js';
import { createExitGate, holdExit } from './exit-gate.js';
import { decodeError } from './message-errors.js';
import type { CallName, ModelCalls, ModelThreadData, ThreadAnswer, ThreadRequest } from './model-messages.js';
import { workerUrl } from './worker-url.js';

/** A model's thread, as the main thread sees it. Calls run one after the other, in the order they were made. */
export interface ModelThread {
  call<Name extends CallName>(name: Name, argument: ModelCalls[Name]['argument'], control: WorkControl): Promise<ModelCalls[Name]['result']>;
  /** A call that sends items before it ends. To stop reading cancels it. */
  stream<Name extends CallName>(name: Name, argument: ModelCalls[Name]['argument'], control: WorkControl): AsyncGenerator<ModelCalls[Name]['item']>;
  /** Whether the thread is gone, by a failure or because it was closed: it refuses every call. */
  hasEnded(): boolean;
  /** Cancels the calls under way and ends the thread after the run in work; later calls are refused. */
  close(): Promise<void>;
}

/** Starts the thread; its errors reject the calls that wait. */
export function startModelThread(threadData: Omit<ModelThreadData, 'gate'>): ModelThread {
  const gate = createExitGate();
  const worker = startWorker(workerUrl(new URL('./model-worker.js', import.meta.url)), { workerData: { ...threadData, gate } satisfies ModelThreadData });
  const releaseExit = holdExit(gate);
  const calls = new Map<number, OpenCall>();
  let nextId = 0;
  let ended: Error | undefined;
  let closing: Promise<void> | undefined;

  worker.on('message', (message: ThreadAnswer) => calls.get(message.id)?.receive(message));
  const end = (reason: Error): void => {
    ended ??= reason;
    for (const call of calls.values()) call.fail(ended);
    calls.clear();
  };
  worker.on('error', (error) => end(createFailed(error)));
  const exited = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      end(closing === undefined ? createFailed() : createClosed());
      releaseExit();
      resolve();
    });
  });

  const post = (request: ThreadRequest): void => worker.postMessage(request, []);

  async function* open<Name extends CallName>(name: Name, argument: ModelCalls[Name]['argument'], { signal, report }: WorkControl): AsyncGenerator<ModelCalls[Name]['item'], ModelCalls[Name]['result']> {
    signal.throwIfAborted();
    if (ended !== undefined || (closing !== undefined && name !== 'close')) throw ended ?? createClosed();
    const id = nextId++;
    const call = createOpenCall(report);
    calls.set(id, call);
    const cancel = (): void => {
      post({ kind: 'cancel', id });
      call.fail(signal.reason);
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      post({ kind: 'call', id, name, argument } as ThreadRequest);
      for (;;) {
        const event = await call.next();
        if (event.kind === 'result') return event.value as ModelCalls[Name]['result'];
        yield event.value as ModelCalls[Name]['item'];
      }
    } finally {
      signal.removeEventListener('abort', cancel);
      if (calls.delete(id) && !call.isOver()) post({ kind: 'cancel', id });
    }
  }

  return {
    call: async (name, argument, control) => {
      const opened = open(name, argument, control);
      for (;;) {
        const { done, value } = await opened.next();
        if (done === true) return value;
      }
    },
    stream: async function* stream(name, argument, control) {
      yield* open(name, argument, control);
    },
    hasEnded: () => ended !== undefined,
    close: () => {
      closing ??= closeThread();
      return closing;
    },
  };

  async function closeThread(): Promise<void> {
    for (const [id, call] of calls) {
      post({ kind: 'cancel', id });
      call.fail(createClosed());
    }
    if (ended === undefined) {
      const opened = open('close', undefined, { signal: new AbortController().signal });
      await Promise.race([opened.next().catch(() => undefined), exited]);
    }
    await exited;
  }
}

function createFailed(cause?: Error): PrunecastError {
  return new PrunecastError('INTERNAL', "the model's thread failed; it cannot be used any more", { cause });
}

function createClosed(): PrunecastError {
  return new PrunecastError('SERVER_STOPPING', 'the model was closed');
}

interface OpenCall {
  receive(message: ThreadAnswer): void;
  fail(error: unknown): void;
  /** The next item, or the result at last; rejects with what the call failed with. */
  next(): Promise<{ readonly kind: 'item' | 'result'; readonly value: unknown }>;
  isOver(): boolean;
}

function createOpenCall(report: WorkControl['report']): OpenCall {
  const waiting: { readonly kind: 'item' | 'result'; readonly value: unknown }[] = [];
  let failure: { readonly error: unknown } | undefined;
  let over = false;
  let wake: (() => void) | undefined;
  return {
    receive: (message) => {
      if (message.kind === 'progress') {
        report?.(message.progress);
        return;
      }
      if (message.kind === 'error') failure ??= { error: decodeError(message.error) };
      else waiting.push({ kind: message.kind, value: message.kind === 'item' ? message.item : message.result });
      over ||= message.kind !== 'item';
      wake?.();
    },
    fail: (error) => {
      failure ??= { error };
      wake?.();
    },
    next: async () => {
      for (;;) {
        const first = waiting.shift();
        if (first !== undefined) return first;
        if (failure !== undefined) throw failure.error;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    isOver: () => over,
  };
}
