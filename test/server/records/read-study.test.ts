import { describe, expect, it } from 'vitest';
import { PLAN_VERSION } from '../../../src/server/requests/plan-document.js';
import { readStudy } from '../../../src/server/records/read-study.js';

const IMPORTED = { schemaVersion: PLAN_VERSION, kind: 'imported', dimensions: ['ffn'], recipes: ['r'] };
const read = (plan: unknown) => readStudy({ id: 'study-1', plan, progress: undefined });

describe('readStudy', () => {
  it('reads a plan of this version, and a study of an earlier version that has none', () => {
    expect(read(IMPORTED)).toMatchObject({ planVersion: PLAN_VERSION, dimensions: ['ffn'], recipes: ['r'] });
    expect(read(undefined)).toMatchObject({ planVersion: 0, plan: undefined });
  });

  it('refuses the plan of a newer server, and says so', () => {
    expect(() => read({ ...IMPORTED, schemaVersion: PLAN_VERSION + 1 })).toThrow(
      expect.objectContaining({
        reason: 'STATE_DAMAGED',
        message: expect.stringContaining(
          'the plan of study-1 was stored by a newer server (version 2; this one knows 1)',
        ),
        metadata: { stored: 'the plan of study-1' },
      }),
    );
  });

  it.each([
    ['no version', { ...IMPORTED, schemaVersion: undefined }],
    ['a version that never was', { ...IMPORTED, schemaVersion: 0 }],
    ['the plan of another verb', { ...IMPORTED, kind: 'prune' }],
    ['null', null],
    ['a text', 'plan'],
  ])('refuses what is not the plan of a study: %s', (_, plan) => {
    expect(() => read(plan)).toThrow(
      expect.objectContaining({
        reason: 'STATE_DAMAGED',
        message: expect.stringContaining('is not the plan of a study'),
      }),
    );
  });
});
