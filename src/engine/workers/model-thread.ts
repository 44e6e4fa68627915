import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { WorkControl } from '../../core/ports/progress.js';
import { startGatedWorker, type GatedWorker } from './gated-worker.js';
import type { CallName, ModelCalls, ModelThreadData, ThreadAnswer, ThreadRequest } from './model-messages.js';
import { createOpenCall, type OpenCall } from './open-call.js';
import { workerUrl } from './worker-url.js';

/**
 * A model's thread, as the main thread sees it. Calls run one after the other, in the order they were made. The thread
 * starts with the first call. One that fails, or does not let go of a cancelled call in time (a plug-in's endless loop), is
 * ended and costs that call alone: those behind it go to a new thread, which computes anew what the old one had in memory.
 */
export interface ModelThread {
  call<Name extends CallName>(name: Name, argument: ModelCalls[Name]['argument'], control: WorkControl, budgetBytes?: number): Promise<ModelCalls[Name]['result']>;
  /** A call that sends items before it ends. To stop reading cancels it. */
  stream<Name extends CallName>(name: Name, argument: ModelCalls[Name]['argument'], control: WorkControl, budgetBytes?: number): AsyncGenerator<ModelCalls[Name]['item']>;
  /** Whether it works on a call, be it one that was cancelled. */
  isBusy(): boolean;
  /** Bytes that it holds between calls; 0 where there is no thread. */
  heldBytes(): number;
  /** Ends the thread where it works on nothing; the next call starts another. */
  rest(): Promise<void>;
  /** Cancels the calls under way and ends the thread, after the run of a graph in work; later calls are refused. */
  close(): Promise<void>;
}

/** A cancelled call that is not over after so long hangs: its thread is ended. A run of a graph takes less than that. */
const CANCEL_GRACE_MS = 1000;

/** What a thread takes by itself: its JavaScript, and ONNX Runtime's sessions. */
const THREAD_BYTES = 16 * 2 ** 20;

type CallRequest = Extract<ThreadRequest, { kind: 'call' }>;

/** A call that the thread was given and has not answered. */
interface QueuedCall {
  readonly request: CallRequest;
  readonly call: OpenCall;
  isCancelled: boolean;
}

/** @param quiet is called when the thread has answered all calls, or is gone */
export function startModelThread(threadData: Omit<ModelThreadData, 'gate'>, quiet: () => void = () => undefined): ModelThread {
  /** Oldest first: the thread takes them one by one, so that the first is the one in work. */
  const queue = new Map<number, QueuedCall>();
  let thread: GatedWorker | undefined;
  let nextId = 0;
  let grace: { readonly id: number; readonly timer: NodeJS.Timeout } | undefined;
  let closing: Promise<void> | undefined;
  /** As the thread told last. */
  let heldBytes = 0;

  const post = (request: ThreadRequest): void => {
    thread ??= begin();
    thread.worker.postMessage(request, []);
  };

  const begin = (): GatedWorker => {
    const started = startGatedWorker(workerUrl(new URL('./model-worker.js', import.meta.url)), threadData);
    started.worker.on('message', (message: ThreadAnswer) => {
      if (thread === started) receive(message);
    });
    started.worker.on('error', (error) => lose(started, error));
    void started.exited.then(() => lose(started));
    return started;
  };

  const receive = (message: ThreadAnswer): void => {
    const queued = queue.get(message.id);
    if (queued?.isCancelled === false) queued.call.receive(message);
    if (message.kind !== 'result' && message.kind !== 'error') return;
    queue.delete(message.id);
    heldBytes = message.heldBytes;
    watchFirst();
    if (queue.size === 0) quiet();
  };

  /** The thread went by itself: the call in work has taken it down. */
  const lose = (lost: GatedWorker, cause?: Error): void => {
    if (thread !== lost) return;
    replaceThread((first) => first.call.fail(createFailed(cause)));
  };

  /** Gives the calls behind the first one to another thread. */
  const replaceThread = (endFirst: (first: QueuedCall) => void): void => {
    thread = undefined;
    heldBytes = 0;
    const [first, ...others] = queue.values();
    queue.clear();
    if (first !== undefined) endFirst(first);
    for (const other of others.filter(({ isCancelled }) => !isCancelled)) {
      queue.set(other.request.id, other);
      post(other.request);
    }
    watchFirst();
    if (queue.size === 0) quiet();
  };

  const watchFirst = (): void => {
    const [first] = queue.values();
    if (grace !== undefined && grace.id === first?.request.id) return;
    clearTimeout(grace?.timer);
    grace = undefined;
    if (first?.isCancelled !== true || closing !== undefined) return;
    const timer = setTimeout(() => {
      const hung = thread;
      replaceThread(() => undefined);
      void hung?.end();
    }, CANCEL_GRACE_MS);
    grace = { id: first.request.id, timer };
  };

  const cancel = (id: number, reason: unknown): void => {
    const queued = queue.get(id);
    if (queued === undefined || queued.isCancelled) return;
    queued.isCancelled = true;
    queued.call.fail(reason);
    post({ kind: 'cancel', id });
    watchFirst();
  };

  async function* open<Name extends CallName>(name: Name, argument: ModelCalls[Name]['argument'], { signal, report }: WorkControl, budgetBytes: number | undefined): AsyncGenerator<ModelCalls[Name]['item'], ModelCalls[Name]['result']> {
    signal.throwIfAborted();
    if (closing !== undefined) throw createClosed();
    const id = nextId++;
    const call = createOpenCall(report);
    const request = { kind: 'call', id, name, argument, ...(budgetBytes === undefined ? {} : { budgetBytes }) } as CallRequest;
    const onAbort = (): void => cancel(id, signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      post(request);
      queue.set(id, { request, call, isCancelled: false });
      for (;;) {
        const event = await call.next();
        if (event.kind === 'result') return event.value as ModelCalls[Name]['result'];
        yield event.value as ModelCalls[Name]['item'];
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      cancel(id, createClosed());
    }
  }

  return {
    call: async (name, argument, control, budgetBytes) => {
      const opened = open(name, argument, control, budgetBytes);
      for (;;) {
        const { done, value } = await opened.next();
        if (done === true) return value;
      }
    },
    stream: async function* stream(name, argument, control, budgetBytes) {
      yield* open(name, argument, control, budgetBytes);
    },
    isBusy: () => queue.size > 0,
    heldBytes: () => (thread === undefined ? 0 : THREAD_BYTES + heldBytes),
    rest: async () => {
      if (queue.size === 0) await endThread();
    },
    close: () => {
      closing ??= closeThread();
      return closing;
    },
  };

  async function closeThread(): Promise<void> {
    for (const id of queue.keys()) cancel(id, createClosed());
    await endThread();
  }

  async function endThread(): Promise<void> {
    const closed = thread;
    if (closed === undefined) return;
    post({ kind: 'call', id: nextId++, name: 'close', argument: undefined });
    thread = undefined;
    heldBytes = 0;
    queue.clear();
    watchFirst();
    const late = setTimeout(() => void closed.end(), CANCEL_GRACE_MS);
    await closed.exited;
    clearTimeout(late);
  }
}

function createFailed(cause?: Error): PrunecastError {
  return new PrunecastError('INTERNAL', "the model's thread ended while it worked on this call, which a plug-in may have done; the next call gets a new one", { cause });
}

function createClosed(): PrunecastError {
  return new PrunecastError('SERVER_STOPPING', 'the model was closed');
}
