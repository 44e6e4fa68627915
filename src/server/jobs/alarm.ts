/** A wait that others end. */
export interface Alarm {
  /** Ends the wait under way, or the next one if none is. */
  wake(): void;
  /** Forgets earlier wakes. */
  reset(): void;
  /** Waits for a wake, one of the signals, or the end of `silenceMs`. */
  wait(silenceMs: number): Promise<'woken' | 'silence'>;
  /** Lets go of the signals. */
  release(): void;
}

export function createAlarm(signals: readonly AbortSignal[]): Alarm {
  let isWoken = false;
  let onWake: (() => void) | undefined;
  const wake = () => {
    isWoken = true;
    onWake?.();
  };
  for (const signal of signals) signal.addEventListener('abort', wake);
  return {
    wake,
    reset: () => {
      isWoken = false;
    },
    wait: (silenceMs) =>
      new Promise((resolve) => {
        if (isWoken || signals.some(({ aborted }) => aborted)) return resolve('woken');
        const timer = setTimeout(() => {
          onWake = undefined;
          resolve('silence');
        }, silenceMs);
        onWake = () => {
          onWake = undefined;
          clearTimeout(timer);
          resolve('woken');
        };
      }),
    release: () => {
      for (const signal of signals) signal.removeEventListener('abort', wake);
    },
  };
}
