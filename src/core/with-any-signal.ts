/**
 * Does work with a signal that fires, with the same reason, when the first of some signals does. Not by
 * `AbortSignal.any`, which would keep something of each signal for as long as the one that lives longest; here nothing
 * stays once the work has ended.
 */
export async function withAnySignal<Value>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const controller = new AbortController();
  const listeners = signals.map((signal) => {
    const abort = (): void => controller.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
    return { signal, abort };
  });
  try {
    return await work(controller.signal);
  } finally {
    for (const { signal, abort } of listeners) signal.removeEventListener('abort', abort);
  }
}
