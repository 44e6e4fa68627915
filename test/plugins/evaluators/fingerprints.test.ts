import { describe, expect, it } from 'vitest';
import type { HostedModel, EvaluationPlan, EvaluationText, Evaluator } from '../../../src/core/ports/evaluator.js';
import { describeOptions } from '../../../src/plugin-host/check-manifest.js';
import { BUILTIN_PLUGINS } from '../../../src/plugins/builtin/list.js';
import { fidelityDigest, measurementFingerprint } from '../../../src/server/encoding/measurement.js';
import { fileOf, rowsOf } from '../../support/question-rows.js';
import { STORIES_SHAPE } from '../../support/shapes.js';

const EVALUATORS = BUILTIN_PLUGINS.flatMap(({ plugin }) => (plugin.kind === 'evaluator' ? [plugin] : []));

/** Another value of every option that an evaluator has. */
const OTHER_OPTIONS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'kl-divergence': {},
  latency: { tokens: 64, repeats: 5, warm_up: 1 },
  mmlu: { shots: 1, scorer: 'exact-match', subjects: ['anatomy'], limit: 1, prompt: 'original', bos: true },
  'multiple-choice': {
    prompt: 'Q: {query}',
    choices: 'others',
    answer: 'right',
    delimiter: '',
    limit: 1,
    bos: true,
  },
  perplexity: {},
  size: { kv_bytes_per_value: 4, context_tokens: 512 },
};

const TEXT: EvaluationText = {
  tokens: Int32Array.from({ length: 64 }, (_, index) => index),
  digest: 'text',
  tokenizerDigest: 'tokenizer',
  bosToken: 1,
};
const WINDOWS = { window: 8, stride: 8, bos: true };

const QUESTIONS: Readonly<Record<string, ReturnType<typeof fileOf>[]>> = {
  mmlu: ['anatomy', 'virology'].flatMap((subject) => [
    fileOf(
      `dev/${subject}_dev.csv`,
      Array.from({ length: 5 }, (_, index) => [`${subject} ${index}?`, 'w', 'x', 'y', 'z', 'C']),
    ),
    fileOf(`test/${subject}_test.csv`, [
      [`Is it ${subject}?`, 'w', 'x', 'y', 'z', 'A'],
      [`Is it not ${subject}?`, 'w', 'x', 'y', 'z', 'B'],
    ]),
  ]),
  'multiple-choice': [
    fileOf(
      'questions.jsonl',
      ['one', 'two'].map((query) => ({ query, choices: ['a', 'b'], others: ['c', 'd'], gold: 0, right: 1 })),
    ),
  ],
};

const MODEL: HostedModel = { shape: STORIES_SHAPE, maxPositions: 4096, machine: 'this one' };

/** Plans of one evaluator: by default, and each with one part changed, by the part's name. */
async function listPlans(evaluator: Evaluator): Promise<Map<string, EvaluationPlan>> {
  const complete = (changed: object) => evaluator.options.parse(changed);
  const options = Object.entries(OTHER_OPTIONS[evaluator.id] ?? {}).map(
    ([name, value]) => [`option ${name}`, complete({ [name]: value })] as const,
  );
  switch (evaluator.reads) {
    case 'text': {
      const plan = (text: Partial<EvaluationText>, windows: object, own: unknown = complete({})): EvaluationPlan =>
        evaluator.plan({ ...TEXT, ...text }, { ...WINDOWS, ...windows }, own);
      return new Map([
        ['default', plan({}, {})],
        ['text', plan({ digest: 'another' }, {})],
        ['tokenizer', plan({ tokenizerDigest: 'another' }, {})],
        ['BOS token', plan({ bosToken: 2 }, {})],
        ['window', plan({}, { window: 9 })],
        ['stride', plan({}, { stride: 4 })],
        ['BOS', plan({}, { bos: false })],
        ...options.map(([name, own]) => [name, plan({}, {}, own)] as const),
      ]);
    }
    case 'rows': {
      const files = QUESTIONS[evaluator.id] ?? [];
      const plan = (rows: Parameters<typeof rowsOf>[1], own: unknown = complete({})) =>
        evaluator.plan(rowsOf(files, { maxPositions: 4096, ...rows }), {}, own);
      const plans = new Map([
        ['default', await plan({})],
        ['files', await plan({ digest: 'another' })],
        ['tokenizer', await plan({ tokenizerDigest: 'another' })],
        ['BOS token', await plan({ bosToken: 7 }, complete({ bos: true }))],
      ]);
      for (const [name, own] of options) plans.set(name, await plan({}, own));
      return plans;
    }
    case 'nothing':
      return new Map([
        ['default', evaluator.plan(MODEL, complete({}))],
        ...options.map(([name, own]) => [name, evaluator.plan(MODEL, own)] as const),
      ]);
  }
}

describe.each(EVALUATORS.map((evaluator) => [evaluator.id, evaluator] as const))(
  'the fingerprint of %s',
  (id, evaluator) => {
    it('changes with each part of what is measured', async () => {
      const known = Object.keys((describeOptions(evaluator) as { properties?: object }).properties ?? {});
      expect(Object.keys(OTHER_OPTIONS[id] ?? {}).toSorted()).toEqual(known.toSorted());
      const parts = new Map<string, string>();
      for (const [part, { measurement }] of await listPlans(evaluator)) {
        const fingerprint = measurementFingerprint(measurement);
        expect(parts.get(fingerprint), `${part} has the fingerprint of`).toBeUndefined();
        parts.set(fingerprint, part);
      }
      expect(parts.size).toBeGreaterThan(known.length);
    });
  },
);

describe('the fingerprint of latency', () => {
  it('changes with the machine, and that of size does not', () => {
    const [latency, size] = ['latency', 'size'].map((id) => EVALUATORS.find((evaluator) => evaluator.id === id));
    expect(fingerprintOn(latency, 'one')).not.toBe(fingerprintOn(latency, 'another'));
    expect(fingerprintOn(size, 'one')).toBe(fingerprintOn(size, 'another'));
  });
});

describe('the digest of a fidelity', () => {
  it('changes with the items, their order and the precision', () => {
    const digests = [
      { tokens: 16, items: [0, 8], precision: 'float32' as const },
      { tokens: 16, items: [0, 16], precision: 'float32' as const },
      { tokens: 16, items: [8, 0], precision: 'float32' as const },
      { tokens: 16, items: [0, 8], precision: 'int8' as const },
    ].map(fidelityDigest);
    expect(new Set(digests).size).toBe(4);
  });
});

/** The fingerprint of an evaluator of the model alone, on a machine. */
function fingerprintOn(evaluator: Evaluator | undefined, machine: string): string {
  if (evaluator?.reads !== 'nothing') throw new Error('needs the model alone');
  return measurementFingerprint(evaluator.plan({ ...MODEL, machine }, evaluator.options.parse({})).measurement);
}
