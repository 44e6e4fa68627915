/**
 * Does some work again and again, with so many milliseconds between the end of one and the start of the next, until the
 * signal fires. Does not keep the process alive.
 */
export function repeatUntil(
  signal: AbortSignal,
  {
    everyMs,
    work,
    failed,
    firstMs = everyMs,
  }: {
    readonly everyMs: number;
    readonly work: () => Promise<void>;
    readonly failed: (error: unknown) => void;
    /** Until the first start; left out: as long as between two. */
    readonly firstMs?: number;
  },
): void {
  if (signal.aborted) return;
  const timer = setTimeout(() => {
    void work()
      .catch(failed)
      .finally(() => {
        signal.removeEventListener('abort', stop);
        repeatUntil(signal, { everyMs, work, failed });
      });
  }, firstMs);
  timer.unref();
  const stop = () => clearTimeout(timer);
  signal.addEventListener('abort', stop, { once: true });
}
