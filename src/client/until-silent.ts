import { CallError } from './call-error.js';
import type { CallOptions } from './transport.js';

/** When a stream counts as silent, and what ends it beside. */
export interface SilenceOptions {
  readonly silenceMs: number;
  /** Whether the connection breaks when the server ends, as a socket of this machine does: silence ends nothing then. */
  readonly breaksWithServer: boolean;
  /** Milliseconds since 1970; Infinity for none. */
  readonly deadline?: number;
  readonly signal?: AbortSignal | undefined;
  /** Told when nothing was heard for `silenceMs` on a connection that breaks with the server; it is waited on. */
  readonly onSilence?: (() => void) | undefined;
}

/** Nothing came for too long: the connection may be gone without a word. */
export class SilentStream extends CallError {
  constructor(silenceMs: number, cause: unknown) {
    super(`nothing was heard of the server for ${silenceMs / 1000} s`, { code: 'UNAVAILABLE', cause });
  }
}

/**
 * One stream that fails as SilentStream when it falls silent, unless it breaks with its server. The clock runs only
 * while a message is awaited.
 */
export async function* untilSilent<Message>(
  open: (options: CallOptions) => AsyncIterable<Message>,
  { silenceMs, breaksWithServer, deadline = Infinity, signal, onSilence }: SilenceOptions,
): AsyncGenerator<Message, void, undefined> {
  const silence = new AbortController();
  const onSilent = breaksWithServer ? () => onSilence?.() : () => silence.abort();
  const messages = open({
    // Whoever reads on takes up the lost stream itself.
    retry: false,
    signal: signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]),
    ...(Number.isFinite(deadline) && { timeoutMs: deadline - Date.now() }),
  })[Symbol.asyncIterator]();
  try {
    for (;;) {
      const timer = setTimeout(onSilent, silenceMs);
      const next = await messages.next().finally(() => clearTimeout(timer));
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    if (silence.signal.aborted && signal?.aborted !== true) throw new SilentStream(silenceMs, error);
    throw error;
  } finally {
    await messages.return?.();
  }
}
