import { deepStrictEqual } from 'node:assert/strict';
import type { Label } from '../../../core/ports/label-store.js';
import type { Store } from '../../../core/ports/store.js';
import { KEY, LABEL, type StoreChecks } from './records.js';

const keep = (store: Store, label: Label) => store.keep([{ kind: 'label', key: KEY, label }]);

export const LABEL_CHECKS: StoreChecks = {
  'gives labels back bit by bit, numbers that JSON lacks included': async ({ store, reopen }) => {
    await keep(store, LABEL);
    const { labels } = (await reopen?.()) ?? store;
    deepStrictEqual(await labels.getMany([KEY]), [LABEL]);
  },

  'keeps the first label of a key, however often one is stored': async ({ store }) => {
    await Promise.all([1, 2, 3].map((perplexity) => keep(store, { ...LABEL, metrics: { perplexity } })));
    deepStrictEqual((await store.labels.getMany([KEY]))[0]?.metrics, { perplexity: 1 });
  },

  'replaces a label by one that has more metrics': async ({ store }) => {
    const newer = { ...LABEL, metrics: { perplexity: 2, accuracy: 0.5 } };
    await keep(store, { ...LABEL, metrics: { perplexity: 2 } });
    await keep(store, newer);
    await keep(store, { ...LABEL, metrics: { perplexity: 9, accuracy: 0.1 } });
    deepStrictEqual(await store.labels.getMany([KEY]), [newer]);
  },

  'finds a label only under its whole key, in the order asked for': async ({ store }) => {
    await keep(store, LABEL);
    const others = Object.keys(KEY).map((part) => ({ ...KEY, [part]: 'other' }));
    deepStrictEqual(await store.labels.getMany([...others, KEY, KEY]), [...others.map(() => undefined), LABEL, LABEL]);
  },
};
