import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict';
import type { Labeller, LabelAnswer, LabelQueue } from '../../core/ports/label-queue.js';
import type { Label, LabelKey } from '../../core/ports/label-store.js';
import type { Store } from '../../core/ports/store.js';
import { listChecks, type ConformanceCheck } from './conformance.js';
import { KEY } from './store-checks/records.js';

/** The task of the kit's labeller: the perplexity of each label, by its index. */
export type ScriptedTask = readonly number[];

export interface LabelQueueUnderTest {
  readonly queue: LabelQueue<ScriptedTask>;
  /** The store that the queue looks into. */
  readonly store: Store;
  close?(): Promise<void>;
}

/**
 * The conformance kit of label queues, for any test runner.
 *
 * @param open makes a queue over an empty store that has this labeller measure what the store lacks
 */
export function listLabelQueueChecks(
  open: (labeller: Labeller<ScriptedTask>) => Promise<LabelQueueUnderTest>,
): readonly ConformanceCheck[] {
  return listChecks(async () => {
    /** The indices of each call of the labeller. */
    const asked: (readonly number[])[] = [];
    const labeller: Labeller<ScriptedTask> = {
      async *measure(task, indices, { signal }) {
        asked.push(indices);
        // The last first: the order of answers is free.
        for (const index of indices.toReversed()) {
          signal.throwIfAborted();
          const perplexity = task[index] ?? Number.NaN;
          if (perplexity === FAILING) throw new Error('the labeller failed');
          yield { index, label: labelOf(perplexity) };
        }
      },
    };
    return { ...(await open(labeller)), asked };
  }, CHECKS);
}

const FAILING = -1;
const TOKENS = 3;

function labelOf(perplexity: number): Label {
  return {
    metrics: { perplexity },
    windowLosses: Float64Array.of(perplexity),
    windowHits: Int32Array.of(1),
    windowTokens: Int32Array.of(2),
    tokensSpent: TOKENS,
  };
}

const keyOf = (architectureKey: string): LabelKey => ({ ...KEY, architectureKey });

/** All answers in the order of their keys. */
async function ask(
  { queue }: Pick<LabelQueueUnderTest, 'queue'>,
  labels: readonly (readonly [architectureKey: string, perplexity: number])[],
  metrics: readonly string[] = ['perplexity'],
  signal: AbortSignal = new AbortController().signal,
): Promise<readonly LabelAnswer[]> {
  const answers: LabelAnswer[] = [];
  const order = { keys: labels.map(([key]) => keyOf(key)), metrics, task: labels.map(([, value]) => value) };
  for await (const answer of queue.label(order, { signal })) answers.push(answer);
  return answers.sort((a, b) => a.index - b.index);
}

/** What is compared of an answer. */
function brief(answer: LabelAnswer | undefined): unknown {
  if (answer === undefined) return undefined;
  return 'invalid' in answer
    ? [answer.invalid.reason, answer.tokensSpent]
    : [answer.label.metrics['perplexity'], answer.label.tokensSpent, answer.record !== undefined];
}

type Opened = LabelQueueUnderTest & { readonly asked: readonly (readonly number[])[] };

const CHECKS: Readonly<Record<string, (opened: Opened) => Promise<void>>> = {
  'answers each key once, with what stores its label, and stores nothing itself': async ({ asked, ...opened }) => {
    const answers = await ask(opened, [
      ['a', 2],
      ['b', 3],
    ]);
    deepStrictEqual(answers.map(brief), [
      [2, TOKENS, true],
      [3, TOKENS, true],
    ]);
    deepStrictEqual(
      answers.map((answer) => 'record' in answer && answer.record),
      [
        { kind: 'label', key: keyOf('a'), label: labelOf(2) },
        { kind: 'label', key: keyOf('b'), label: labelOf(3) },
      ],
    );
    deepStrictEqual(asked, [[0, 1]]);
    deepStrictEqual(await opened.store.labels.getMany([keyOf('a'), keyOf('b')]), [undefined, undefined]);
  },

  'measures no label that the store has': async ({ asked, ...opened }) => {
    await opened.store.keep([{ kind: 'label', key: keyOf('b'), label: labelOf(7) }]);
    const answers = await ask(opened, [
      ['a', 2],
      ['b', 3],
    ]);
    deepStrictEqual(answers.map(brief), [
      [2, TOKENS, true],
      [7, 0, false],
    ]);
    deepStrictEqual(asked, [[0]]);
    deepStrictEqual((await ask(opened, [['b', 3]])).map(brief), [[7, 0, false]]);
    strictEqual(asked.length, 1);
  },

  'measures equal keys once, and gives what stores the label with one answer only': async ({ asked, ...opened }) => {
    const answers = await ask(opened, [
      ['a', 2],
      ['b', 3],
      ['a', 2],
    ]);
    strictEqual(asked.flat().length, 2);
    const ofA = [answers[0], answers[2]].map(brief);
    deepStrictEqual(ofA.toSorted(), [
      [2, 0, false],
      [2, TOKENS, true],
    ]);
  },

  'keeps one label however often it is delivered and committed': async (opened) => {
    const orders = await Promise.all([2, 3, 4].map((perplexity) => ask(opened, [['a', perplexity]])));
    for (const [answer] of orders)
      if (answer !== undefined && 'record' in answer && answer.record !== undefined)
        for (const _ of ['once', 'again']) await opened.store.keep([answer.record]);
    const [first] = await ask(opened, [['a', 9]]);
    const [stored] = await opened.store.labels.getMany([keyOf('a')]);
    deepStrictEqual(brief(first), [stored?.metrics['perplexity'], 0, false]);
    ok([2, 3, 4].includes(stored?.metrics['perplexity'] ?? 0));
  },

  'measures a stored label again that lacks a metric, or has one that is not finite': async (opened) => {
    await opened.store.keep([
      { kind: 'label', key: keyOf('a'), label: labelOf(7) },
      { kind: 'label', key: keyOf('b'), label: labelOf(Number.NaN) },
    ]);
    const [lacking] = await ask(opened, [['a', 2]], ['perplexity', 'accuracy']);
    const [ruined] = await ask(opened, [['b', 3]]);
    deepStrictEqual([lacking, ruined].map(brief), [
      [2, TOKENS, true],
      [3, TOKENS, true],
    ]);
  },

  'answers what is measured to be no label with METRIC_INVALID, and the others with theirs': async (opened) => {
    const answers = await ask(opened, [
      ['a', Infinity],
      ['b', 3],
      ['a', Infinity],
    ]);
    deepStrictEqual([answers[0], answers[2]].map(brief).toSorted(), [
      ['METRIC_INVALID', 0],
      ['METRIC_INVALID', TOKENS],
    ]);
    deepStrictEqual(brief(answers[1]), [3, TOKENS, true]);
  },

  'fails with what the labeller fails with, after what was there already': async (opened) => {
    await opened.store.keep([{ kind: 'label', key: keyOf('b'), label: labelOf(7) }]);
    const seen: LabelAnswer[] = [];
    const order = { keys: [keyOf('a'), keyOf('b')], metrics: ['perplexity'], task: [FAILING, 3] };
    await rejects(async () => {
      for await (const answer of opened.queue.label(order, { signal: new AbortController().signal })) seen.push(answer);
    }, /the labeller failed/);
    deepStrictEqual(seen.map(brief), [[7, 0, false]]);
  },

  'ends with the reason of the signal, and measures nothing more': async ({ asked, ...opened }) => {
    const reason = new Error('cancelled');
    await rejects(ask(opened, [['a', 2]], ['perplexity'], AbortSignal.abort(reason)), reason);
    deepStrictEqual(asked.flat(), []);
    const controller = new AbortController();
    const order = { keys: [keyOf('a'), keyOf('b')], metrics: ['perplexity'], task: [2, 3] };
    let answered = 0;
    await rejects(async () => {
      for await (const _ of opened.queue.label(order, { signal: controller.signal })) {
        answered += 1;
        controller.abort(reason);
      }
    }, reason);
    strictEqual(answered, 1);
  },
};
