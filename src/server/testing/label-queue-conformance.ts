import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict';
import type { Labeller, LabelAnswer, LabelQueue } from '../../core/ports/label-queue.js';
import type { Label, LabelKey } from '../../core/ports/label-store.js';
import type { Store } from '../../core/ports/store.js';
import { isSettled, listChecks, type ConformanceCheck } from './conformance.js';
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
    items: { losses: Float64Array.of(perplexity), hits: Float64Array.of(1), tokens: Float64Array.of(2) },
    tokensSpent: TOKENS,
  };
}

const keyOf = (architectureKey: string): LabelKey => ({ ...KEY, architectureKey });
const want = (architectureKey: string) => ({ key: keyOf(architectureKey), metrics: ['perplexity'] });

/** All answers in the order of their keys. */
async function ask(
  { queue }: Pick<LabelQueueUnderTest, 'queue'>,
  labels: readonly (readonly [architectureKey: string, perplexity: number])[],
  metrics: readonly string[] = ['perplexity'],
  signal: AbortSignal = new AbortController().signal,
): Promise<readonly LabelAnswer[]> {
  const answers: LabelAnswer[] = [];
  const order = {
    wanted: labels.map(([key]) => ({ key: keyOf(key), metrics })),
    task: labels.map(([, value]) => value),
  };
  for await (const answer of queue.label(order, { signal })) answers.push(answer);
  return answers.sort((a, b) => a.index - b.index);
}

/** Starts an order, and reads its first answer: that of its last key, which is the one that is measured first. */
async function begin(
  { queue }: Pick<LabelQueueUnderTest, 'queue'>,
  labels: readonly (readonly [architectureKey: string, perplexity: number])[],
  signal: AbortSignal = new AbortController().signal,
): Promise<{ finish(): Promise<readonly LabelAnswer[]>; leave(): Promise<void> }> {
  const order = { wanted: labels.map(([key]) => want(key)), task: labels.map(([, of]) => of) };
  const answers = queue.label(order, { signal })[Symbol.asyncIterator]();
  strictEqual((await answers.next()).done, false);
  return {
    finish: async () => {
      const rest: LabelAnswer[] = [];
      for (let next = await answers.next(); next.done !== true; next = await answers.next()) rest.push(next.value);
      return rest;
    },
    leave: async () => void (await answers.return?.()),
  };
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

  'lets an order wait for a label that another one is measuring, at no cost, with what stores it': async (opened) => {
    const first = await begin(opened, [
      ['a', 2],
      ['nan', Infinity],
      ['b', 3],
    ]);
    const second = ask(opened, [
      ['a', 9],
      ['c', 4],
      ['nan', Infinity],
      ['b', 9],
      ['a', 9],
    ]);
    strictEqual(await isSettled(second), false);
    deepStrictEqual((await first.finish()).map(brief), [
      ['METRIC_INVALID', TOKENS],
      [2, TOKENS, true],
    ]);
    deepStrictEqual((await second).map(brief), [
      [2, 0, true],
      [4, TOKENS, true],
      ['METRIC_INVALID', 0],
      [3, 0, true],
      [2, 0, false],
    ]);
    deepStrictEqual(opened.asked, [[0, 1, 2], [1]]);
  },

  'measures a label itself if the order that was measuring it is left, fails or is cancelled': async (opened) => {
    const left = await begin(opened, [
      ['a', 2],
      ['b', 3],
    ]);
    const afterLeft = ask(opened, [['a', 4]]);
    strictEqual(await isSettled(afterLeft), false);
    await left.leave();
    deepStrictEqual((await afterLeft).map(brief), [[4, TOKENS, true]]);

    const failing = await begin(opened, [
      ['c', FAILING],
      ['d', 3],
    ]);
    const afterFailing = [ask(opened, [['c', 5]]), ask(opened, [['c', 6]])];
    strictEqual(await isSettled(Promise.race(afterFailing)), false);
    await rejects(failing.finish(), /the labeller failed/);
    deepStrictEqual((await Promise.all(afterFailing)).flat().map(brief), [
      [5, TOKENS, true],
      [5, 0, true],
    ]);

    const controller = new AbortController();
    const cancelled = await begin(
      opened,
      [
        ['e', 2],
        ['f', 3],
      ],
      controller.signal,
    );
    const afterCancelled = ask(opened, [['e', 7]]);
    strictEqual(await isSettled(afterCancelled), false);
    controller.abort(new Error('cancelled'));
    await rejects(cancelled.finish(), /cancelled/);
    deepStrictEqual((await afterCancelled).map(brief), [[7, TOKENS, true]]);
  },

  'ends an order that waits with the reason of its own signal, and lets the other finish': async (opened) => {
    const first = await begin(opened, [
      ['a', 2],
      ['b', 3],
    ]);
    const [controller, reason] = [new AbortController(), new Error('cancelled')];
    const second = ask(opened, [['a', 9]], ['perplexity'], controller.signal);
    strictEqual(await isSettled(second), false);
    controller.abort(reason);
    await rejects(second, reason);
    deepStrictEqual((await first.finish()).map(brief), [[2, TOKENS, true]]);
  },

  'shares no label with an order that wants other metrics': async (opened) => {
    const first = await begin(opened, [
      ['a', 2],
      ['b', 3],
    ]);
    deepStrictEqual((await ask(opened, [['a', 4]], ['perplexity', 'accuracy'])).map(brief), [[4, TOKENS, true]]);
    await first.leave();
  },

  "measures each key once for orders that want each other's, and none waits forever": async (opened) => {
    const orders = await Promise.all(
      ['ab', 'bc', 'ca', 'cba'].map((keys) =>
        ask(
          opened,
          [...keys].map((key) => [key, 2] as const),
        ),
      ),
    );
    deepStrictEqual(
      orders.map((answers) => answers.length),
      [2, 2, 2, 3],
    );
    strictEqual(opened.asked.flat().length, 3);
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
    const order = { wanted: [want('a'), want('b')], task: [FAILING, 3] };
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
    const order = { wanted: [want('a'), want('b')], task: [2, 3] };
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
