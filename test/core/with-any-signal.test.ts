import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { withAnySignal } from '../../src/core/with-any-signal.js';

const makeTwo = () => [new AbortController(), new AbortController()] as const;

describe('withAnySignal', () => {
  it.each([0, 1] as const)('fires with the reason of the signal that fires, number %i', async (index) => {
    const controllers = makeTwo();
    const reason = new Error('stop');
    const seen = await withAnySignal(
      controllers.map(({ signal }) => signal),
      async (signal) => {
        expect(signal.aborted).toBe(false);
        controllers[index].abort(reason);
        return signal;
      },
    );
    expect(seen.reason).toBe(reason);
  });

  it('has fired already if a signal has', async () => {
    const reason = new Error('stop');
    const [{ signal: other }] = makeTwo();
    await withAnySignal([other, AbortSignal.abort(reason)], async ({ aborted, reason: given }) =>
      expect([aborted, given]).toEqual([true, reason]),
    );
  });

  it('leaves nothing at the signals once the work has ended, or failed', async () => {
    const [first, second] = makeTwo();
    const signals = [first.signal, second.signal];
    let kept: AbortSignal | undefined;
    await withAnySignal(signals, async (signal) => {
      kept = signal;
      expect(signals.map((of) => getEventListeners(of, 'abort').length)).toEqual([1, 1]);
    });
    await expect(withAnySignal(signals, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(signals.map((of) => getEventListeners(of, 'abort').length)).toEqual([0, 0]);
    first.abort();
    expect(kept?.aborted).toBe(false);
  });
});
