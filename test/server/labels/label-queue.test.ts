import { architectureKey } from '../../../src/core/model/architecture-key.js';
import { describe, expect, it } from 'vitest';
import type { Architecture } from '../../../src/core/model/shape.js';
import { NO_TELEMETRY } from '../../../src/core/ports/telemetry.js';
import type { EvaluationSubject, Evaluator } from '../../../src/core/ports/evaluator.js';
import type { ItemProgress } from '../../../src/core/ports/work-context.js';
import type { Label, LabelStore } from '../../../src/core/ports/label-store.js';
import { countTokens } from '../../../src/core/sequence.js';
import perplexity from '../../../src/plugins/evaluators/perplexity.js';
import { createLabelQueue } from '../../../src/server/adapters/in-process-queue/label-queue.js';
import { evaluatorLabeller, orderLabels, type LabelTarget } from '../../../src/server/labels/label-task.js';
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

/** A queue over labels that lie under the architecture alone. */
function createQueue(labels: ReadonlyMap<string, Label> = new Map()) {
  const store: LabelStore = {
    getMany: async (keys) => keys.map(({ architectureKey }) => labels.get(architectureKey)),
  };
  return createLabelQueue({ labels: store, labeller: evaluatorLabeller, telemetry: NO_TELEMETRY });
}

/** A target whose architectures have these losses in their one window of two scored tokens. */
function targetOf(losses: ReadonlyMap<Architecture, number>): LabelTarget {
  const subject: EvaluationSubject = {
    shape,
    countTokens: ({ sequences }) => sequences.reduce((sum, { tokens }) => sum + tokens.length, 0),
    observe: async function* observe(architectures, { sequences }, { report }) {
      for (const [index, architecture] of architectures.entries())
        yield { index, losses: Float64Array.of(losses.get(architecture) ?? NaN), hits: Int32Array.of(0) };
      const total = architectures.length * countTokens(sequences);
      report?.({ what: 'tokens', done: total, total, known: architectures.length * sequences.length });
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
    measurements: [{ name: '', evaluator: perplexity as Evaluator, options: {}, plan }],
  };
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const ask = (queue: ReturnType<typeof createQueue>, target: LabelTarget, architectures: readonly Architecture[]) =>
  collect(queue.label(orderLabels(target, architectures), unattended));

describe('a label queue', () => {
  it('calls a perplexity whose mean loss is finite but whose exponential is not no label either', async () => {
    const [answer] = await ask(createQueue(), targetOf(new Map([[SMALLER, 2 * 710]])), [SMALLER]);
    expect(answer).toMatchObject({
      invalid: { reason: 'METRIC_INVALID', metadata: { metric: 'perplexity', value: 'Infinity' } },
    });
  });

  it('gives the labels of the others, and the reason of the one that has none', async () => {
    const target = targetOf(
      new Map([
        [SMALLER, 2 * Math.log(3)],
        [SMALLEST, Infinity],
      ]),
    );
    const answers = await ask(createQueue(), target, [SMALLEST, SMALLER, SMALLEST]);
    expect(answers.toSorted((a, b) => a.index - b.index)).toMatchObject([
      {
        index: 0,
        invalid: { reason: 'METRIC_INVALID', metadata: { metric: 'perplexity', value: 'Infinity', item: '0' } },
        tokensSpent: 3,
      },
      { index: 1, label: { metrics: { perplexity: expect.closeTo(3, 12) } }, record: { kind: 'label' } },
      { index: 2, invalid: { reason: 'METRIC_INVALID' }, tokensSpent: 0 },
    ]);
  });

  it('stores the unpruned architecture under no recipe', async () => {
    const answers = await ask(
      createQueue(),
      targetOf(
        new Map([
          [DENSE, 2],
          [SMALLER, 2],
        ]),
      ),
      [DENSE, SMALLER],
    );
    expect(answers.map((answer) => 'record' in answer && answer.record?.key.recipeDigest)).toEqual(['', 'recipe']);
  });

  it('measures again what an earlier version has stored as NaN', async () => {
    const target = targetOf(new Map([[SMALLER, 2]]));
    const stored: Label = {
      metrics: { perplexity: NaN, accuracy: 0 },
      items: { losses: Float64Array.of(NaN), hits: Float64Array.of(0), tokens: Float64Array.of(2) },
      tokensSpent: 3,
    };
    const architectureKey = orderLabels(target, [SMALLER]).wanted[0]?.key.architectureKey ?? '';
    const [answer] = await ask(createQueue(new Map([[architectureKey, stored]])), target, [SMALLER]);
    expect(answer).toMatchObject({ label: { metrics: { perplexity: expect.closeTo(Math.E, 12) }, tokensSpent: 3 } });
  });

  it('completes a stored label that lacks metrics which follow from its items, and measures no other', async () => {
    const target = targetOf(new Map([[SMALLER, 5]]));
    const cover = { bytes: Uint16Array.of(1, 2, 3), words: Uint16Array.of(1, 1, 1) };
    const plan = perplexity.plan(
      { tokens: Int32Array.of(1, 2, 3), digest: 'text', cover },
      { window: 3, stride: 3, bos: false },
      {},
    );
    const measurements = [{ name: '', evaluator: perplexity as Evaluator, options: {}, plan }];
    const stored: Label = {
      metrics: { perplexity: Math.exp(2), accuracy: 0.5 },
      items: { losses: Float64Array.of(4), hits: Float64Array.of(1), tokens: Float64Array.of(2) },
      tokensSpent: 3,
    };
    const queue = createQueue(
      new Map([
        [architectureKey(DENSE), stored],
        [architectureKey(SMALLER), { ...stored, items: {} }],
      ]),
    );
    const answers = await collect(queue.label(orderLabels({ ...target, measurements }, [DENSE, SMALLER]), unattended));
    expect(answers).toMatchObject([
      {
        index: 0,
        label: { metrics: { ...stored.metrics, word_perplexity: Math.exp(2) }, tokensSpent: 0 },
        record: undefined,
      },
      { index: 1, label: { metrics: { perplexity: Math.exp(2.5) } }, record: { kind: 'label' } },
    ]);
  });

  it('has the labels of some architectures whole before it begins others, if measurements run different sequences', async () => {
    const many: Architecture[] = Array.from({ length: 20 }, (_, index) => [{ ...layer, ffnChannels: index }]);
    const target = targetOf(new Map(many.map((architecture) => [architecture, 2])));
    const [first] = target.measurements;
    const other = perplexity.plan(
      { tokens: Int32Array.of(4, 5, 6), digest: 'another text' },
      { window: 3, stride: 3, bos: false },
      {},
    );
    const measurements = [first, { name: 'other', evaluator: perplexity as Evaluator, options: {}, plan: other }];
    const progress: number[] = [];
    const known: (ItemProgress | undefined)[] = [];
    const order: number[] = [];
    for await (const { index } of createQueue().label(
      orderLabels({ ...target, measurements: measurements as LabelTarget['measurements'] }, many),
      {
        ...unattended,
        report: ({ done, total, items }) => {
          progress.push(done / total);
          known.push(items);
        },
      },
    ))
      order.push(index);
    expect(
      order
        .slice(0, 16)
        .map((index) => Math.floor(index / 2))
        .toSorted((a, b) => a - b),
    ).toEqual(Array.from({ length: 16 }, (_, place) => Math.floor(place / 2)));
    expect(order.toSorted((a, b) => a - b)).toEqual([...Array.from({ length: 40 }).keys()]);
    // Three runs of the two measurements: 8, 8 and 4 architectures.
    expect(progress.map((share) => Math.round(share * 100))).toEqual([20, 40, 60, 80, 90, 100]);
    expect(known).toEqual([8, 16, 24, 32, 36, 40].map((done) => ({ done, total: 40 })));
  });
});
