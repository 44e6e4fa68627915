import { describe, expect, it } from 'vitest';
import { meetsEngines } from '../../../src/server/doctor/meets-engines.js';

const RANGE = '^20.19.0 || ^22.12.0 || >=24.0.0';

describe('meetsEngines', () => {
  it('takes what the range has, at its edges too', () => {
    for (const version of ['20.19.0', '20.20.2', 'v22.12.0', '22.99.1', '24.0.0', '27.3.1'])
      expect([version, meetsEngines(version, RANGE)]).toEqual([version, true]);
    for (const version of ['18.20.0', '20.18.9', '21.7.0', '22.11.9', '23.5.0'])
      expect([version, meetsEngines(version, RANGE)]).toEqual([version, false]);
  });
});
