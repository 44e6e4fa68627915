import { deepStrictEqual, ok } from 'node:assert/strict';
import type { Evaluation, MetricDefinition } from '../../core/metric.js';
import type {
  DataFile,
  EvaluationPlan,
  Evaluator,
  ObservedArchitecture,
  WrittenCheckpoint,
} from '../../core/ports/evaluator.js';
import { measureSequences } from '../../core/run-batches.js';
import { guardEvaluator } from '../../plugin-host/guards/guard-evaluator.js';
import { contextsOf } from '../../plugin-host/context/plugin-context.js';
import {
  completeOptions,
  listManifestChecks,
  requireAborted,
  requireFinite,
  selectChecks,
  type ConformanceCheck,
  type ConformanceSettings,
} from './conformance-check.js';
import { ARCHITECTURES, HOST, makeUpObservation, makeUpRows, makeUpText } from './made-up-observations.js';

export interface EvaluatorConformance extends ConformanceSettings {
  /** The files of an evaluator that reads rows. Without them only its manifest is checked. */
  readonly rows?: readonly DataFile[];
  /** A checkpoint on disk; an evaluator that measures one cannot be tried without. */
  readonly checkpoint?: WrittenCheckpoint;
}

/**
 * The conformance kit for evaluators, for any test runner:
 *
 * ```ts
 * describe('my-evaluator', () => {
 *   for (const { name, run } of listEvaluatorChecks(myEvaluator)) it(name, run);
 * });
 * ```
 *
 * No model runs: texts are made up, and what is observed of architectures.
 */
export function listEvaluatorChecks<Options>(
  evaluator: Evaluator<Options>,
  settings: EvaluatorConformance = {},
): readonly ConformanceCheck[] {
  const { reads, complete } = evaluator;
  const { rows, checkpoint } = settings;
  const guarded = guardEvaluator(evaluator as Evaluator, { limitMs: undefined });
  const plan = async (input: PlanInput = {}): Promise<EvaluationPlan> =>
    planWith(guarded, input, rows ?? [], completeOptions(evaluator.options, settings));
  const reduce = async (
    observed: ObservedArchitecture,
    planned: EvaluationPlan,
    signal = new AbortController().signal,
  ): Promise<Evaluation> => guarded.reduce(observed, planned, completeOptions(evaluator.options, settings), { signal });
  const observe = (planned: EvaluationPlan, index: number): ObservedArchitecture => {
    if (planned.observe?.checkpoint === undefined) return makeUpObservation(planned, index);
    ok(
      checkpoint !== undefined,
      'this evaluator measures a checkpoint on disk, and the kit makes none: give it one (the setting `checkpoint` of the kit: {directory, sourceDigest, files, bytes})',
    );
    return { ...makeUpObservation(planned, index), checkpoint };
  };
  const canPlan = reads !== 'rows' || rows !== undefined;
  return selectChecks([
    ...listManifestChecks(evaluator, settings),
    {
      when: canPlan,
      name: 'plans the same for the same input: sequences with tokens to score, each item told apart',
      run: async () => {
        const planned = await plan();
        deepStrictEqual(await plan(), planned, 'a second plan is another');
        const { fidelity, sequences } = planned;
        ok(fidelity.items.length > 0 || planned.observe?.checkpoint !== undefined, 'a plan needs an item');
        deepStrictEqual(new Set(fidelity.items).size, fidelity.items.length, 'two items have the same number');
        if (reads !== 'nothing') {
          const tokens = sequences.reduce((sum, sequence) => sum + sequence.tokens.length, 0);
          deepStrictEqual(fidelity.tokens, tokens, 'fidelity.tokens is not the number of tokens in all sequences');
        }
      },
    },
    {
      when: canPlan && reads !== 'nothing',
      name: 'runs as many tokens as a limit allows, in the precision that is asked for',
      run: async () => {
        const whole = await plan();
        const tokenLimit = Math.ceil(0.6 * measureSequences(whole.sequences).tokens);
        const { tokens } = measureSequences((await plan({ tokenLimit })).sequences);
        ok(tokens <= tokenLimit, `runs ${tokens} tokens, where at most ${tokenLimit} are wanted`);
        deepStrictEqual(whole.fidelity.precision, 'float32');
        deepStrictEqual((await plan({ precision: 'int8' })).fidelity.precision, 'int8');
      },
    },
    {
      when: reads === 'text',
      name: 'says TEXT_TOO_SHORT of a text that has nothing to measure',
      run: async () => {
        const error: unknown = await plan({ tokens: 1 }).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        deepStrictEqual(
          (error as { readonly reason?: unknown } | undefined)?.reason,
          'TEXT_TOO_SHORT',
          `a text of one token must be refused with PrunecastError('TEXT_TOO_SHORT', ...), not with: ${String(error)}`,
        );
      },
    },
    {
      when: canPlan,
      name: 'makes finite metrics of what is observed: all of the plan, no other, and as many numbers as it has items',
      run: async () => {
        const planned = await plan();
        for (const index of ARCHITECTURES.keys()) {
          const { metrics, items } = await reduce(observe(planned, index), planned);
          for (const [name, value] of Object.entries(metrics)) requireFinite([value], `the metric ${name}`);
          for (const [name, values] of Object.entries(items)) requireFinite(values, `the numbers ${name} of the items`);
          const declared = namesOf(evaluator.metrics, planned);
          deepStrictEqual(Object.keys(metrics).toSorted(), declared, 'the metrics are not those of the plan');
        }
      },
    },
    {
      when: canPlan,
      name: 'gives each metric that is a mean of items as that mean, so that reports can tell its interval',
      run: async () => {
        const planned = await plan();
        const { metrics, items } = await reduce(observe(planned, 1), planned);
        for (const { name, mean, scale } of evaluator.metrics) {
          const value = metrics[name];
          if (mean === undefined || value === undefined) continue;
          const ratio = sum(items[mean.of]) / sum(items[mean.per]);
          const expected = scale === 'log' ? Math.exp(ratio) : ratio;
          ok(
            Math.abs(value - expected) <= 1e-9 * Math.abs(expected),
            `${name} is ${value}, and the mean of ${mean.of} per ${mean.per} is ${expected}`,
          );
        }
      },
    },
    {
      when: canPlan,
      name: 'gives an architecture the same metrics, alone or after others',
      run: async () => {
        const planned = await plan();
        const measure = async (order: readonly number[]): Promise<ReadonlyMap<number, Evaluation>> => {
          const measured = new Map<number, Evaluation>();
          for (const index of order) measured.set(index, await reduce(observe(planned, index), planned));
          return measured;
        };
        const [forwards, backwards] = [await measure([0, 1, 2]), await measure([2, 1, 0])];
        for (const index of ARCHITECTURES.keys()) deepStrictEqual(backwards.get(index), forwards.get(index));
      },
    },
    {
      when: canPlan,
      name: 'makes the same of a plan that came from another thread, and leaves plan and observations as they were',
      run: async () => {
        const planned = await plan();
        const sent = structuredClone(planned);
        const observed = observe(planned, 1);
        const here = await reduce(observed, planned);
        deepStrictEqual(observed, observe(planned, 1));
        deepStrictEqual(planned, await plan());
        const { signal } = new AbortController();
        const there = await evaluator.reduce(
          structuredClone(observed),
          sent,
          structuredClone(completeOptions(evaluator.options, settings)),
          contextsOf(evaluator, undefined)({ signal }),
        );
        deepStrictEqual(structuredClone(there), there, 'an evaluation must be plain numbers');
        deepStrictEqual(there, here);
      },
    },
    {
      when: canPlan && complete !== undefined,
      name: 'completes what it measures today to the same, or not at all',
      run: async () => {
        const planned = await plan();
        const today = await reduce(observe(planned, 1), planned);
        const completed = guarded.complete?.(today, planned);
        if (completed !== undefined) deepStrictEqual(completed, today);
      },
    },
    {
      when: canPlan,
      name: 'ends soon after a cancel, with its reason or because it is done',
      run: async () => {
        const planned = await plan();
        await requireAborted((signal) => reduce(observe(planned, 1), planned, signal));
      },
    },
  ]);
}

interface PlanInput {
  /** Of the text. */
  readonly tokens?: number;
  readonly tokenLimit?: number;
  readonly precision?: 'float32' | 'int8';
}

async function planWith(
  evaluator: Evaluator,
  { tokens = 500, ...limits }: PlanInput,
  files: readonly DataFile[],
  options: unknown,
): Promise<EvaluationPlan> {
  switch (evaluator.reads) {
    case 'text':
      return evaluator.plan(makeUpText(tokens), { window: 16, stride: 16, bos: true, ...limits }, options);
    case 'rows':
      return evaluator.plan(makeUpRows(files), limits, options);
    case 'nothing':
      return evaluator.plan(HOST, options);
  }
}

function namesOf(metrics: readonly MetricDefinition[], plan: EvaluationPlan): string[] {
  return metrics
    .map(({ name }) => name)
    .filter((name) => plan.metrics?.includes(name) ?? true)
    .toSorted();
}

function sum(values: Float64Array = new Float64Array()): number {
  return values.reduce((total, value) => total + value, 0);
}
