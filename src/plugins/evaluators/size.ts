import { z } from 'zod';
import { measureCost } from '../../core/budget/cost-model.js';
import { createCostModel, type CostSpec } from '../../core/budget/cost-spec.js';
import { describeModelMeasurement } from '../../core/measurement.js';
import { defineEvaluator } from '../define.js';

/**
 * What a model weighs, from its shape alone: nothing runs. The numbers are those that budgets limit (`CostSpec`), so
 * that a metric of quality and what it costs stand in one table.
 */
export default defineEvaluator({
  id: 'size',
  summary: 'Parameters, bytes of the weights, bytes of keys and values per token, and FLOPs per token.',
  options: z.strictObject({
    kv_bytes_per_value: z
      .number()
      .gt(0)
      .max(8)
      .default(2)
      .describe('Bytes of a number in the cache of keys and values.'),
    context_tokens: z
      .int()
      .min(0)
      .max(100_000_000)
      .default(0)
      .describe('Tokens that a token attends to, in its FLOPs; half of them are visible on average.'),
  }),
  reads: 'nothing',
  runsIn: 'inline',
  metrics: [
    {
      name: 'parameters',
      better: 'lower',
      scale: 'log',
      summary: 'parameters of the exported model, tied tensors once',
    },
    {
      name: 'weight_bytes',
      better: 'lower',
      scale: 'log',
      summary: 'bytes of its weights, each as wide as its tensor in the checkpoint',
    },
    {
      name: 'kv_bytes_per_token',
      better: 'lower',
      scale: 'linear',
      summary: 'bytes that the keys and values of one token take; 0 without attention',
    },
    {
      name: 'flops_per_token',
      better: 'lower',
      scale: 'log',
      summary: 'floating-point operations of the linear maps and of attention for one token',
    },
  ],
  plan: (_model, options) => ({
    sequences: [],
    measurement: describeModelMeasurement({ id: 'size', options }),
    fidelity: { tokens: 0, items: [0], precision: 'float32' },
  }),
  reduce: ({ shape, architecture }, _plan, { kv_bytes_per_value: bytesPerValue, context_tokens: context }) => {
    const measure = (spec: CostSpec): number => measureCost(createCostModel(shape, spec), architecture);
    const metrics = {
      parameters: measure({ kind: 'parameters' }),
      weight_bytes: measure({ kind: 'weight_bytes' }),
      kv_bytes_per_token: measure({ kind: 'kv_cache_bytes_per_token', bytesPerValue }),
      flops_per_token: measure({ kind: 'flops_per_token', context }),
    };
    const items = Object.entries(metrics).map(([name, value]) => [name, Float64Array.of(value)] as const);
    return { metrics, items: Object.fromEntries(items) };
  },
});
