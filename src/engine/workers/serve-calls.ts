import { parentPort } from 'node:worker_threads';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { CallAnswer, CallRequest, CallTable } from './call-messages.js';
import { encodeError } from './message-errors.js';
import { throttleProgress } from './throttle-progress.js';

/** The worker's end of its calls. */
export interface CallChannel {
  onRequest(listener: (request: CallRequest) => void): void;
  answer(message: CallAnswer): void;
}

/** A call as a worker sees it. */
export interface ServedCall<Item> {
  /** Its signal fires when the call is cancelled, once the event loop of the worker is free to receive that. */
  readonly work: WorkContext;
  /** Sends an item. */
  send(item: Item): void;
}

/** What a worker does for each call. */
export type CallHandlers<Calls extends CallTable> = {
  readonly [Name in keyof Calls]: (
    argument: Calls[Name]['argument'],
    call: ServedCall<Calls[Name]['item']>,
  ) => Promise<Calls[Name]['result']>;
};

export interface CallServing {
  /** Called before each call with the memory that it may use. */
  readonly allow?: (budgetBytes: number | undefined) => void;
  /** Memory that is kept between calls. @default 0 */
  readonly heldBytes?: () => number;
  /** Called once, after the last call. */
  readonly close?: () => Promise<void>;
}

/** Answers calls one after the other, with what their handler returns or the error that it throws. */
export function serveCalls<Calls extends CallTable>(
  { onRequest, answer }: CallChannel,
  handlers: CallHandlers<Calls>,
  { allow, heldBytes = () => 0, close = () => Promise.resolve() }: CallServing = {},
): void {
  const cancels = new Map<number, AbortController>();
  let last: Promise<unknown> = Promise.resolve();
  const serve = async (
    { id, name, argument, budgetBytes }: Extract<CallRequest, { kind: 'call' }>,
    signal: AbortSignal,
  ): Promise<void> => {
    try {
      signal.throwIfAborted();
      const handler = handlers[name];
      if (handler === undefined) throw new RangeError(`no call has the name ${name}`);
      allow?.(budgetBytes);
      const result = await handler(argument, {
        work: { signal, report: throttleProgress((progress) => answer({ kind: 'progress', id, progress })) },
        send: (item) => answer({ kind: 'item', id, item }),
      });
      answer({ kind: 'result', id, result, heldBytes: heldBytes() });
    } catch (error) {
      answer({ kind: 'error', id, error: encodeError(error), heldBytes: heldBytes() });
    }
    cancels.delete(id);
  };
  onRequest((request) => {
    if (request.kind === 'cancel') return cancels.get(request.id)?.abort();
    if (request.kind === 'close') {
      last = last.then(close);
      return;
    }
    const controller = new AbortController();
    cancels.set(request.id, controller);
    last = last.then(() => serve(request, controller.signal));
  });
}

/** The channel from a worker thread to its owner. Throws outside a worker thread. */
export function openThreadChannel(): CallChannel {
  const port = parentPort;
  if (port === null) throw new Error('this module runs in a worker thread only');
  return { onRequest: (listener) => port.on('message', listener), answer: (message) => port.postMessage(message) };
}
