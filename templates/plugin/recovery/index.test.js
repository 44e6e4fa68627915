import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listChecks } from 'prunecast/plugin/testing';
import plugin from './index.js';

describe('my-plugin', () => {
  for (const { name, run } of listChecks(plugin)) it(name, run);

  it('trains as long as it is told to', () => {
    equal(plugin.plan({ minutes: 3, rank: 4 })?.mostMinutes, 3);
  });
});
