import { describe, expect, it } from 'vitest';
import type { Architecture } from '../../../src/core/model/shape.js';
import type { EvaluatedArchitecture, EvaluationSubject, Evaluator } from '../../../src/core/ports/evaluator.js';
import type { Label } from '../../../src/core/ports/label-queue.js';
import perplexity from '../../../src/plugins/evaluators/perplexity.js';
import { createLabelQueue, type LabelTarget } from '../../../src/server/labels/stored-label-queue.js';
import type { LabelKey, LabelStore } from '../../../src/server/store/label-store.js';
import { unattended } from '../../support/demo-model.js';

const layer = { kvHeads: 2, queryHeadsPerKv: 1, ffnChannels: 4 };
const DENSE: Architecture = [layer];
const SMALLER: Architecture = [{ ...layer, ffnChannels: 3 }];
const SMALLEST: Architecture = [{ ...layer, ffnChannels: 1 }];
const shape = {
  family: 'llama',
  hidden: 4,
  headDim: 2,
  vocabulary: 8,
  tiedEmbeddings: true,
  queryKeyNorms: false,
  biases: { queryKeyValue: false, attentionOutput: false, ffn: false },
  layers: DENSE,
};

/** A store in memory; a label lies under the architecture alone. */
function createStore(labels = new Map<string, Label>()): LabelStore & { readonly labels: ReadonlyMap<string, Label> } {
  const put = async ({ architectureKey }: LabelKey, label: Label): Promise<boolean> =>
    labels.set(architectureKey, label) !== undefined;
  return {
    labels,
    put,
    get: async ({ architectureKey }) => labels.get(architectureKey),
    getMany: async (keys) => keys.map(({ architectureKey }) => labels.get(architectureKey)),
    putting: (key, label) => async () => void (await put(key, label)),
  };
}

/** A target whose architectures have these losses in their one window of two scored tokens. */
function targetOf(losses: ReadonlyMap<Architecture, number>): LabelTarget {
  const subject: EvaluationSubject = {
    shape,
    losses: async function* measure(architectures) {
      for (const [index, architecture] of architectures.entries())
        yield { index, windowLosses: Float64Array.of(losses.get(architecture) ?? NaN), windowHits: Int32Array.of(0) };
    },
  };
  const plan = perplexity.plan(
    { tokens: Int32Array.of(1, 2, 3), digest: 'text' },
    { window: 3, stride: 3, bos: false },
    {},
  );
  return {
    checkpointDigest: 'checkpoint',
    requireUnchanged: async () => undefined,
    recipeDigest: 'recipe',
    subject,
    evaluator: perplexity as Evaluator,
    evaluatorOptions: {},
    plan,
  };
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('a label queue', () => {
  it('stores no label whose metrics are not finite, and names what is not', async () => {
    const store = createStore();
    const queue = createLabelQueue(store);
    const target = targetOf(
      new Map([
        [SMALLER, 2 * Math.log(3)],
        [SMALLEST, Infinity],
      ]),
    );
    await expect(collect(queue.label(target, [SMALLER, SMALLEST], unattended))).rejects.toMatchObject({
      reason: 'METRIC_INVALID',
      metadata: { metric: 'perplexity', value: 'Infinity', window: '0' },
    });
    expect([...store.labels.values()].map(({ metrics }) => metrics['perplexity'])).toEqual([expect.closeTo(3, 12)]);
  });

  it('calls a perplexity whose mean loss is finite but whose exponential is not no label either', async () => {
    const queue = createLabelQueue(createStore());
    await expect(
      collect(queue.label(targetOf(new Map([[SMALLER, 2 * 710]])), [SMALLER], unattended)),
    ).rejects.toMatchObject({ reason: 'METRIC_INVALID', metadata: { metric: 'perplexity', value: 'Infinity' } });
  });

  it('gives the labels of the others where the caller stores them, and the reason of the one that has none', async () => {
    const queue = createLabelQueue(createStore());
    const found = await collect(
      queue.labelUnstored(
        targetOf(
          new Map([
            [SMALLER, 2],
            [SMALLEST, NaN],
          ]),
        ),
        [SMALLEST, SMALLER, SMALLEST],
        unattended,
      ),
    );
    expect(found.map(({ index }) => index).toSorted()).toEqual([0, 1, 2]);
    expect(
      found
        .filter((item) => 'invalid' in item)
        .map(({ index, invalid, tokensSpent }) => ({ index, reason: invalid.reason, tokensSpent }))
        .toSorted((a, b) => a.index - b.index),
    ).toEqual([
      { index: 0, reason: 'METRIC_INVALID', tokensSpent: 3 },
      { index: 2, reason: 'METRIC_INVALID', tokensSpent: 0 },
    ]);
  });

  it('measures again what an earlier version has stored as NaN', async () => {
    const stored: EvaluatedArchitecture = {
      index: 0,
      metrics: { perplexity: NaN, accuracy: 0 },
      windowLosses: Float64Array.of(NaN),
      windowHits: Int32Array.of(0),
      windowTokens: Int32Array.of(2),
    };
    const store = createStore();
    const queue = createLabelQueue(store);
    const target = targetOf(new Map([[SMALLER, 2]]));
    await collect(queue.label(target, [SMALLER], unattended));
    const [[key] = []] = store.labels;
    const old = createStore(new Map([[key ?? '', { ...stored, tokensSpent: 3 }]]));
    const [found] = await collect(createLabelQueue(old).label(target, [SMALLER], unattended));
    expect(found?.label).toMatchObject({ metrics: { perplexity: expect.closeTo(Math.E, 12) }, tokensSpent: 3 });
  });
});
