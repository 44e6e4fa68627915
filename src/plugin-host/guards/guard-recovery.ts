import { z } from 'zod';
import { pluginInvalid } from '../../core/ports/plugin-errors.js';
import type { Recovery, TrainingPlan } from '../../core/ports/recovery.js';
import { callPlugin, type CallLimit } from './guarded-call.js';
import { contextsOf, type PluginHost } from '../context/plugin-context.js';

/** A recovery whose plan is checked: the engine trains by it as it is. */
export function guardRecovery(recovery: Recovery, limit: CallLimit, host?: PluginHost): Recovery {
  const call = { kind: 'recovery', id: recovery.id, method: 'plan' } as const;
  const makeContext = contextsOf(recovery, host);
  return {
    ...recovery,
    plan: (options, work) => {
      const plan: unknown = callPlugin(call, limit, () => recovery.plan(options, makeContext(work)));
      if (plan === undefined) return undefined;
      const parsed = PLAN.safeParse(plan);
      if (parsed.success) return parsed.data;
      const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
      throw pluginInvalid(call, `gave a plan that cannot be trained by (${faults.join('; ')})`);
    },
  };
}

const share = z.number().min(0).max(1);
const positive = z.number().positive();
const count = z.int().min(1);

const PLAN = z.object({
  loss: z.object({ temperature: positive, crossEntropy: share, layerErrors: z.number().min(0).optional() }),
  rank: z.int().min(0).optional(),
  sequencesPerStep: count,
  passes: positive,
  mostMinutes: positive,
  rate: z.object({ peak: positive, warmUpSteps: z.int().min(0), finalShare: share }),
  optimiser: z.object({
    firstDecay: z.number().min(0).lt(1),
    secondDecay: z.number().min(0).lt(1),
    epsilon: positive,
    weightDecay: z.number().min(0),
    clipNorm: positive,
  }),
  heldOutEvery: z.int().min(2),
  checks: count,
  patience: count,
  seed: z.int(),
}) satisfies z.ZodType<TrainingPlan>;
