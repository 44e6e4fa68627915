import { expect, it } from 'vitest';
import { startStudy } from '../../../src/search/machine.js';
import { driveStudy } from '../../../src/server/studies/drive.js';
import { createFakePorts, createPlan } from '../../search/fake-study.js';

it('gives up what it measures if a trial cannot be stored: whoever goes on with the study measures it anew', async () => {
  const plan = createPlan();
  let stored = 0;
  let open = 0;
  const ports = createFakePorts(
    plan,
    async (_before, _after, { kind }) => {
      if (kind === 'evaluated' && ++stored === 3) throw new Error('the disk is full');
    },
    {},
  );
  const driven = driveStudy(plan, startStudy(plan), {
    ...ports,
    async *evaluate(points, phase) {
      open += 1;
      try {
        yield* ports.evaluate(points, phase);
      } finally {
        open -= 1;
      }
    },
  });
  await expect(driven).rejects.toThrow('the disk is full');
  expect([stored, open]).toEqual([3, 0]);
});
