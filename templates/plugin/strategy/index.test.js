import { deepEqual, throws } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listChecks } from 'prunecast/plugin/testing';
import plugin from './index.js';

describe('my-plugin', () => {
  for (const { name, run } of listChecks(plugin)) it(name, run);

  it('asks for batches of 128 by default, and refuses a batch of none', () => {
    deepEqual(plugin.options.parse({}), { batch: 128, parents: 16 });
    throws(() => plugin.options.parse({ batch: 0 }), /batch/);
  });
});
