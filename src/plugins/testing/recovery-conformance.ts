import { deepStrictEqual } from 'node:assert/strict';
import type { Recovery, TrainingPlan } from '../../core/ports/recovery.js';
import { guardRecovery } from '../../plugin-host/guards/guard-recovery.js';
import { contextsOf } from '../../plugin-host/context/plugin-context.js';
import {
  completeOptions,
  listManifestChecks,
  type ConformanceCheck,
  type ConformanceSettings,
} from './conformance-check.js';

/**
 * The conformance kit for recoveries, for any test runner:
 *
 * ```ts
 * describe('my-recovery', () => {
 *   for (const { name, run } of listRecoveryChecks(myRecovery)) it(name, run);
 * });
 * ```
 */
export function listRecoveryChecks<Options>(
  recovery: Recovery<Options>,
  settings: ConformanceSettings = {},
): readonly ConformanceCheck[] {
  const options = (): Options => completeOptions(recovery.options, settings);
  const plan = async (chosen = options()): Promise<TrainingPlan | undefined> =>
    guardRecovery(recovery as Recovery, { limitMs: undefined }).plan(chosen);
  return [
    ...listManifestChecks(recovery, settings),
    {
      name: 'plans nothing, or a training that an engine can run: every number there and within its bounds',
      run: async () => void (await plan()),
    },
    {
      name: 'gives the same plan for the same options, and leaves them as they were',
      run: async () => {
        const chosen = options();
        deepStrictEqual(await plan(chosen), await plan());
        deepStrictEqual(chosen, options());
      },
    },
    {
      name: 'gives a plan that can be sent to another thread',
      run: async () => {
        const planned = await recovery.plan(options(), contextsOf(recovery, undefined)());
        deepStrictEqual(structuredClone(planned), planned);
      },
    },
  ];
}
