import type { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { CallAnswer, CallRequest, CallTable } from './call-messages.js';
import { createOpenCall, type OpenCall } from './open-call.js';

/** What works on calls: a worker thread or a process, which takes one call after the other. */
export interface CallWorker {
  post(request: CallRequest): void;
  /** @param gone is called once when it has ended, with the cause if that is known */
  listen(hear: (answer: CallAnswer) => void, gone: (cause?: Error) => void): void;
  /** Whether a caller waits for it; if not, it does not keep this process alive. */
  setAwaited?(isAwaited: boolean): void;
  /**
   * Lets it close what it has open and end by itself; if that takes too long, ends it as `end` does. Resolves when it
   * has ended.
   */
  close(): Promise<void>;
  /** Ends it, whatever it is doing; resolves when it has ended. */
  end(): Promise<void>;
}

/**
 * Calls that run one after the other in a worker, in the order they were made. The first call starts the worker. A
 * worker that ends, or that does not stop a cancelled call in time (a plug-in's endless loop), costs only that call:
 * the calls after it go to a new worker.
 */
export interface CallThread<Calls extends CallTable> {
  call<Name extends keyof Calls & string>(
    name: Name,
    argument: Calls[Name]['argument'],
    work: WorkContext,
    budgetBytes?: number,
  ): Promise<Calls[Name]['result']>;
  /** A call that sends items before it ends. A caller that stops reading cancels it. */
  stream<Name extends keyof Calls & string>(
    name: Name,
    argument: Calls[Name]['argument'],
    work: WorkContext,
    budgetBytes?: number,
  ): AsyncGenerator<Calls[Name]['item']>;
  /** Whether it works on a call, even a cancelled one. */
  isBusy(): boolean;
  /** Bytes that its worker holds between calls; 0 if there is no worker. */
  heldBytes(): number;
  /** Ends the worker if it works on nothing; the next call starts another. */
  rest(): Promise<void>;
  /** Cancels the calls under way and ends the worker; later calls are refused. */
  close(): Promise<void>;
}

/** A call by its name, with its argument. */
type CallOf<Calls extends CallTable> = {
  [Name in keyof Calls & string]: { readonly name: Name; readonly argument: Calls[Name]['argument'] };
}[keyof Calls & string];

export interface CallThreadOptions<Calls extends CallTable> {
  /** Starts a worker. */
  readonly begin: () => CallWorker;
  /** The error for the call during which the worker ended. */
  readonly failed: (cause: Error | undefined, call: CallOf<Calls>) => PrunecastError;
  /** The error for calls after `close`. */
  readonly closed: () => PrunecastError;
  /** Bytes that a worker itself takes. @default 0 */
  readonly workerBytes?: number;
  /** Called when the worker has answered all calls, or has ended. */
  readonly quiet?: () => void;
  /** What happens to the worker after a failed call; the libraries in it may be broken for good. @default 'kept' */
  readonly afterError?: 'kept' | 'replaced';
}

/** A cancelled call that is not over after this time hangs: its worker is ended. */
const CANCEL_GRACE_MS = 1000;

/** A call that the worker was given and has not answered. */
interface QueuedCall {
  readonly request: Extract<CallRequest, { kind: 'call' }>;
  readonly call: OpenCall;
  isCancelled: boolean;
}

export function startCallThread<Calls extends CallTable>({
  begin,
  failed,
  closed,
  workerBytes = 0,
  quiet = () => undefined,
  afterError = 'kept',
}: CallThreadOptions<Calls>): CallThread<Calls> {
  /** Oldest first: the worker takes them one by one, so it works on the first. */
  const queue = new Map<number, QueuedCall>();
  let worker: CallWorker | undefined;
  let nextId = 0;
  let grace: { readonly id: number; readonly timer: NodeJS.Timeout } | undefined;
  let closing: Promise<void> | undefined;
  /** As the worker last reported. */
  let heldBytes = 0;

  const post = (request: CallRequest): void => {
    worker ??= start();
    worker.setAwaited?.(true);
    worker.post(request);
  };

  const start = (): CallWorker => {
    const started = begin();
    started.listen(
      (answer) => {
        if (worker === started) receive(answer);
      },
      (cause) => {
        // It ended by itself: the call it was working on has taken it down.
        if (worker === started)
          replaceWorker((first) => first.call.fail(failed(cause, first.request as CallOf<Calls>)));
      },
    );
    return started;
  };

  const receive = (answer: CallAnswer): void => {
    const queued = queue.get(answer.id);
    if (queued?.isCancelled === false) queued.call.receive(answer);
    if (answer.kind !== 'result' && answer.kind !== 'error') return;
    if (answer.kind === 'error' && afterError === 'replaced') return void replaceWorker()?.end();
    queue.delete(answer.id);
    heldBytes = answer.heldBytes;
    watchFirst();
    tellIfQuiet();
  };

  const tellIfQuiet = (): void => {
    if (queue.size > 0) return;
    worker?.setAwaited?.(false);
    quiet();
  };

  /** Gives the calls after the first one to another worker; returns the worker that was left. */
  const replaceWorker = (endFirst: (first: QueuedCall) => void = () => undefined): CallWorker | undefined => {
    const left = worker;
    worker = undefined;
    heldBytes = 0;
    const [first, ...others] = queue.values();
    queue.clear();
    if (first !== undefined) endFirst(first);
    for (const other of others.filter(({ isCancelled }) => !isCancelled)) {
      queue.set(other.request.id, other);
      post(other.request);
    }
    watchFirst();
    tellIfQuiet();
    return left;
  };

  const watchFirst = (): void => {
    const [first] = queue.values();
    if (grace !== undefined && grace.id === first?.request.id) return;
    clearTimeout(grace?.timer);
    grace = undefined;
    if (first?.isCancelled !== true || closing !== undefined) return;
    grace = { id: first.request.id, timer: setTimeout(() => void replaceWorker()?.end(), CANCEL_GRACE_MS) };
  };

  const cancel = (id: number, reason: unknown): void => {
    const queued = queue.get(id);
    if (queued === undefined || queued.isCancelled) return;
    queued.isCancelled = true;
    queued.call.fail(reason);
    post({ kind: 'cancel', id });
    watchFirst();
  };

  async function* open<Name extends keyof Calls & string>(
    name: Name,
    argument: Calls[Name]['argument'],
    { signal, report }: WorkContext,
    budgetBytes: number | undefined,
  ): AsyncGenerator<Calls[Name]['item'], Calls[Name]['result']> {
    signal.throwIfAborted();
    if (closing !== undefined) throw closed();
    const id = nextId++;
    const call = createOpenCall(report);
    const request = {
      kind: 'call',
      id,
      name,
      argument,
      ...(budgetBytes === undefined ? {} : { budgetBytes }),
    } as const;
    const onAbort = (): void => cancel(id, signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      post(request);
      queue.set(id, { request, call, isCancelled: false });
      for (;;) {
        const event = await call.next();
        if (event.kind === 'result') return event.value as Calls[Name]['result'];
        yield event.value as Calls[Name]['item'];
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      cancel(id, closed());
    }
  }

  return {
    call: async (name, argument, work, budgetBytes) => {
      const opened = open(name, argument, work, budgetBytes);
      for (;;) {
        const { done, value } = await opened.next();
        if (done === true) return value;
      }
    },
    stream: async function* stream(name, argument, work, budgetBytes) {
      yield* open(name, argument, work, budgetBytes);
    },
    isBusy: () => queue.size > 0,
    heldBytes: () => (worker === undefined ? 0 : workerBytes + heldBytes),
    rest: async () => {
      if (queue.size === 0) await endWorker();
    },
    close: () => {
      closing ??= closeWorker();
      return closing;
    },
  };

  async function closeWorker(): Promise<void> {
    for (const id of queue.keys()) cancel(id, closed());
    await endWorker();
  }

  async function endWorker(): Promise<void> {
    const left = worker;
    worker = undefined;
    heldBytes = 0;
    queue.clear();
    watchFirst();
    await left?.close();
  }
}
