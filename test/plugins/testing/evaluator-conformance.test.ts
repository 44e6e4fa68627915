import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import { describeModelMeasurement } from '../../../src/core/measurement.js';
import type { Evaluator, ModelEvaluator, TextEvaluator } from '../../../src/core/ports/evaluator.js';
import klDivergence from '../../../src/plugins/evaluators/kl-divergence.js';
import multipleChoice from '../../../src/plugins/evaluators/multiple-choice.js';
import { listEvaluatorChecks, type EvaluatorConformance } from '../../../src/plugins/testing/evaluator-conformance.js';
import { failuresOf } from './failures-of.js';

const honest = klDivergence as TextEvaluator;

describe('listEvaluatorChecks', () => {
  it.each<[string, Partial<TextEvaluator>, RegExp]>([
    [
      'plans by chance',
      (() => {
        let calls = 0;
        return {
          plan: (text, protocol, options) =>
            honest.plan(text, { ...protocol, tokenLimit: (calls++ % 2 === 0 ? 1 : 2) * 128 }, options),
        } satisfies Partial<TextEvaluator>;
      })(),
      /plans the same for the same input/,
    ],
    [
      'takes no limit',
      { plan: (text, protocol, options) => honest.plan(text, { ...protocol, tokenLimit: 100_000 }, options) },
      /runs 528 tokens, where at most 317 are wanted/,
    ],
    [
      'has no word for a short text',
      {
        plan: (text, protocol, options) => {
          if (text.tokens.length < 16) throw new PrunecastError('INVALID_REQUEST', 'too short');
          return honest.plan(text, protocol, options);
        },
      },
      /a text of one token must be refused with PrunecastError\('TEXT_TOO_SHORT', \.\.\.\), not with: .*too short/,
    ],
    [
      'gives a metric that it does not declare',
      {
        reduce: async (...given) => {
          const { metrics, items } = await honest.reduce(...given);
          return { metrics: { ...metrics, more: 1 }, items };
        },
      },
      /gave the metric more, which it does not declare/,
    ],
    [
      'gives another mean than it says',
      {
        reduce: async (...given) => {
          const { metrics, items } = await honest.reduce(...given);
          return { metrics: { ...metrics, agreement: 0.5 }, items };
        },
      },
      /agreement is 0\.5, and the mean of agreements per tokens is/,
    ],
    [
      'remembers the architecture before',
      (() => {
        let before = 1;
        return {
          reduce: async (...given: Parameters<TextEvaluator['reduce']>) => {
            const { metrics, items } = await honest.reduce(...given);
            const agreements = items['agreements']?.map((value) => value * before) ?? new Float64Array();
            before = metrics['kl_divergence'] ?? 1;
            return { metrics, items: { ...items, agreements } };
          },
        };
      })(),
      /gives an architecture the same metrics, alone or after others/,
    ],
    [
      'gives what is not finite',
      {
        reduce: async (...given) => ({
          ...(await honest.reduce(...given)),
          metrics: { kl_divergence: 1 / 0, agreement: 1 },
        }),
      },
      /the metric kl_divergence has Infinity/,
    ],
    [
      'does not hear of a cancel',
      { reduce: (...given) => (given[3].signal.aborted ? new Promise(() => {}) : honest.reduce(...given)) },
      /goes on 2 s after it was cancelled/,
    ],
    [
      'keeps a function in its plan',
      {
        plan: (text, protocol, options) => ({ ...honest.plan(text, protocol, options), forReduce: { count: () => 1 } }),
      },
      /could not be cloned/,
    ],
  ])('finds out one that %s', async (_, fault, message) => {
    expect((await failuresOf(listEvaluatorChecks({ ...honest, ...fault } as Evaluator))).join('\n')).toMatch(message);
  });

  it('tries one that reads rows on the rows that it is given, and without any only its manifest', () => {
    expect(namesOf()).toHaveLength(3);
    expect(namesOf({ rows: [] }).length).toBeGreaterThan(7);
  });

  it('says that a checkpoint has to be given to an evaluator that measures one, and passes it on', async () => {
    const seen = new Set<string>();
    const measuring: ModelEvaluator = {
      apiVersion: 1,
      kind: 'evaluator',
      id: 'measuring',
      summary: 'Counts the files of a checkpoint.',
      options: z.strictObject({}),
      reads: 'nothing',
      runsIn: 'inline',
      metrics: [{ name: 'files', better: 'lower', scale: 'linear', summary: 'Files.' }],
      plan: (_model, options) => ({
        sequences: [],
        observe: { checkpoint: { exporter: 'hf', options: {} } },
        measurement: describeModelMeasurement({ id: 'measuring', options }),
        fidelity: { tokens: 0, items: [], precision: 'float32' },
      }),
      reduce: ({ checkpoint }) => {
        seen.add(checkpoint?.directory ?? '');
        return Promise.resolve({ metrics: { files: checkpoint?.files.length ?? Number.NaN }, items: {} });
      },
    };
    const without = await failuresOf(listEvaluatorChecks(measuring as Evaluator));
    expect(without.filter((line) => !line.includes('give it one (the setting `checkpoint` of the kit'))).toEqual([]);
    expect(without.length).toBeGreaterThan(0);
    expect(seen).toEqual(new Set());
    const checkpoint = { directory: '/made/up', sourceDigest: 'sha256-1', files: ['a', 'b'], bytes: 2 };
    expect(await failuresOf(listEvaluatorChecks(measuring as Evaluator, { checkpoint }))).toEqual([]);
    expect(seen).toEqual(new Set(['/made/up']));
  });
});

function namesOf(settings?: EvaluatorConformance): string[] {
  return listEvaluatorChecks(multipleChoice as Evaluator, settings).map(({ name }) => name);
}
