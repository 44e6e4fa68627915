import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { createReserve } from '../../../../src/server/adapters/files/reserve.js';
import { makeFolder } from '../../../support/test-server.js';

let folder = '';
afterEach(() => rm(folder, { recursive: true, force: true }));

it('the room that is kept is taken anew by a write that asks while another one gives it free', async () => {
  folder = await makeFolder();
  const reserve = createReserve(folder);
  expect(await reserve.hold()).toBe(true);
  expect(await Promise.all([reserve.release(), reserve.hold()])).toEqual([true, true]);
  expect((await stat(join(folder, 'reserve'))).size).toBe(2 ** 20);
  expect(await reserve.release()).toBe(true);
  expect(await reserve.release()).toBe(false);
});
