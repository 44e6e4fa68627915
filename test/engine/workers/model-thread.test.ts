import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Criterion } from '../../../src/core/ports/criterion.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import type { LanguageModel } from '../../../src/engine/language-model.js';
import { DEMO_DIRECTORY } from '../../support/demo-model.js';
import { makeFolder } from '../../support/test-server.js';
import { openLanguageModel } from '../../../src/engine/open-language-model.js';

const HANGING = new URL('../../fixtures/hanging-criterion.mjs', import.meta.url);
const CRASHING = new URL('../../fixtures/crashing-criterion.mjs', import.meta.url);
const MAGNITUDE = new URL('../../../src/plugins/criteria/magnitude.js', import.meta.url);

let model: LanguageModel;
let folder = '';
beforeEach(async () => {
  folder = await makeFolder();
  model = await openLanguageModel(await openCheckpoint(DEMO_DIRECTORY), { threads: 1 });
});
afterEach(async () => {
  await model.close();
  await rm(folder, { recursive: true });
});

async function scoreWith(moduleUrl: URL, options: object, signal = new AbortController().signal) {
  const { default: criterion } = (await import(moduleUrl.href)) as { default: Criterion };
  return model.scoreUnits({ criterion, options, moduleUrl, seed: 0, work: { signal } });
}

/** A call that hangs by now, and how it ends. */
async function hang(signal?: AbortSignal): Promise<{ readonly ended: Promise<unknown> }> {
  const mark = join(folder, 'hangs');
  const ended = scoreWith(HANGING, { mark }, signal).catch((error: unknown) => error);
  await vi.waitFor(() => expect(existsSync(mark)).toBe(true), { timeout: 10_000, interval: 10 });
  return { ended };
}

describe('a plug-in that loops forever in the thread of a model', () => {
  it('ends after its cancel, and the call that waited behind it is answered', async () => {
    const expected = await scoreWith(MAGNITUDE, { norm: 'l2' });
    const cancel = new AbortController();
    const hung = await hang(cancel.signal);
    const behind = scoreWith(MAGNITUDE, { norm: 'l2' });
    const cancelledBehind = new AbortController();
    const another = scoreWith(MAGNITUDE, { norm: 'l1' }, cancelledBehind.signal);
    cancelledBehind.abort(new Error('not wanted'));
    await expect(another).rejects.toThrow('not wanted');
    cancel.abort(new Error('enough'));
    expect(await hung.ended).toEqual(new Error('enough'));
    expect(await behind).toEqual(expected);
    expect(await model.logits(Int32Array.of(1, 2))).toHaveLength(2 * model.shape.vocabulary);
  });

  it('does not keep the model from closing', async () => {
    const hung = await hang();
    await model.close();
    expect(await hung.ended).toMatchObject({ reason: 'SERVER_STOPPING' });
  });
});

describe('a plug-in that ends the thread of a model', () => {
  it('costs only its own call, not the one behind it', async () => {
    const crashed = scoreWith(CRASHING, { how: 'exit' }).catch((error: unknown) => error);
    const behind = scoreWith(MAGNITUDE, { norm: 'l2' });
    expect(await crashed).toMatchObject({
      reason: 'PLUGIN_FAILED',
      message: expect.stringContaining('ended while it worked on this call') as string,
    });
    expect(await behind).toEqual(await scoreWith(MAGNITUDE, { norm: 'l2' }));
  });
});
