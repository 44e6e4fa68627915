import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Store } from '../../core/ports/store.js';
import { findLabelFault } from '../../core/metric.js';
import type { Clock } from '../../core/ports/clock.js';
import { JobState } from '../../gen/prunecast/v1/job.js';
import type { ImportPairsRequest, ImportPairsResponse, Pair, PairSet } from '../../gen/prunecast/v1/pair.js';
import { findMetric } from '../evaluation/find-metric.js';
import type { PluginRegistry } from '../plugins/plugin-registry.js';
import { createId } from '../records/create-id.js';
import { newPairSet, type PairSetRecords } from '../records/pair-set-records.js';
import { newStudy } from '../records/study-records.js';

export interface ImportServices {
  readonly store: Pick<Store, 'keep'>;
  readonly pairSets: PairSetRecords;
  readonly plugins: PluginRegistry;
  readonly clock: Clock;
}

/** Most pairs of one import; boosted trees take a tenth of them. */
const MOST_PAIRS = 100_000;

/** Most rates and metrics of all pairs of one import together, 80 MB: a hundred a pair, where there are as many pairs as may be. */
const MOST_VALUES = 10_000_000;

/** A stored row has so many pairs, or fewer where they come to so many rates and metrics. */
const PAIRS_A_PART = 1000;
const VALUES_A_PART = 100_000;

/**
 * Stores pairs that were labelled elsewhere as a study of their own: the set first, then pairs, or more of both where files were
 * joined. Sets that follow must be of the first one's measurement. Pairs are stored as they come, and no more than one part of
 * them is held; the study is there when all have come and all are good, and of one that fails nothing is kept.
 *
 * @throws PrunecastError INVALID_REQUEST, PAIRS_INVALID with the first pair at fault, PAIRS_TOO_MANY, MEASUREMENT_MISMATCH, or the signal's reason
 */
export async function importPairs(
  { store, pairSets, plugins, clock }: ImportServices,
  requests: AsyncIterable<ImportPairsRequest>,
): Promise<ImportPairsResponse> {
  const studyId = createId('study');
  try {
    const { set, recipes, count } = await storeParts(plugins, requests, (part) =>
      store.keep([newPairSet(studyId, part)]),
    );
    // The study comes last: until then nobody sees its pairs.
    await store.keep([
      newStudy({
        id: studyId,
        jobId: '',
        model: set.model,
        checkpointDigest: set.checkpointDigest,
        seed: 0,
        request: new Uint8Array(0),
        plan: { dimensions: set.dimensions, recipes: [...recipes] },
        state: JobState.SUCCEEDED,
        createdMs: clock.now(),
      }),
    ]);
    return { studyId, pairs: count };
  } catch (error) {
    await pairSets.remove(studyId);
    throw error;
  }
}

interface Imported {
  /** What all pairs share. */
  readonly set: PairSet;
  readonly recipes: ReadonlySet<string>;
  readonly count: number;
}

async function storeParts(
  plugins: PluginRegistry,
  requests: AsyncIterable<ImportPairsRequest>,
  store: (part: PairSet) => Promise<void>,
): Promise<Imported> {
  let set: PairSet | undefined;
  let part: Pair[] = [];
  let [count, values, partValues] = [0, 0, 0];
  const recipes = new Set<string>();
  for await (const { content } of requests) {
    if (content?.$case === 'set')
      set = set === undefined ? requireNamed(content.value) : requireSame(set, content.value);
    if (set === undefined)
      throw PrunecastError.ofField('set', 'has not come: it is sent first, once, and then the pairs');
    if (content === undefined)
      throw PrunecastError.ofField('content', 'is not set: send the set first, and then a pair a message');
    for (const pair of content.$case === 'set' ? content.value.pairs : [content.value]) {
      const size = pair.rates.length + Object.keys(pair.metrics).length;
      part.push(requirePair(plugins, pair, set.dimensions, count));
      recipes.add(pair.recipeDigest);
      [count, values, partValues] = [count + 1, values + size, partValues + size];
      if (count > MOST_PAIRS) throw tooMany(`more than ${MOST_PAIRS} pairs came`, MOST_PAIRS);
      if (values > MOST_VALUES)
        throw tooMany(`the first ${count} pairs have more than ${MOST_VALUES} rates and metrics together`, MOST_VALUES);
      if (part.length < PAIRS_A_PART && partValues < VALUES_A_PART) continue;
      await store({ ...set, pairs: part });
      [part, partValues] = [[], 0];
    }
  }
  if (set === undefined)
    throw PrunecastError.ofField('set', 'has not come: it is sent first, once, and then the pairs');
  if (count === 0) throw PrunecastError.ofField('pair', 'has not come: there is nothing to import', 'PAIRS_INVALID');
  if (part.length > 0) await store({ ...set, pairs: part });
  return { set, recipes, count };
}

function tooMany(what: string, most: number): PrunecastError {
  return new PrunecastError('PAIRS_TOO_MANY', `${what}: import them in parts`, { metadata: { most: String(most) } });
}

function requireNamed(set: PairSet): PairSet {
  const { dimensions } = set;
  if (dimensions.length === 0)
    throw PrunecastError.ofField('set.dimensions', 'is empty: name the columns of the rates');
  const twice = dimensions.findIndex((name, index) => dimensions.indexOf(name) < index);
  if (twice >= 0)
    throw PrunecastError.ofField(
      `set.dimensions[${twice}]`,
      `is ${dimensions[twice]}, which is there already: name each column once`,
    );
  return { ...set, pairs: [] };
}

/** What all pairs of an import share, by the name of its field. */
const SHARED = {
  measurementFingerprint: 'measurement_fingerprint',
  fidelityDigest: 'fidelity_digest',
  checkpointDigest: 'checkpoint_digest',
} as const;

function requireSame(first: PairSet, other: PairSet): PairSet {
  for (const [key, field] of Object.entries(SHARED) as [keyof typeof SHARED, string][]) {
    if (first[key] === other[key]) continue;
    throw new PrunecastError(
      'MEASUREMENT_MISMATCH',
      `set.${field}: is "${other[key]}", the first set has "${first[key]}": their labels do not compare, import them apart`,
      {
        metadata: { first: first[key], other: other[key] },
        violations: [{ field: `set.${field}`, description: `is "${other[key]}"; the first set has "${first[key]}"` }],
      },
    );
  }
  if (
    first.dimensions.length === other.dimensions.length &&
    first.dimensions.every((name, index) => name === other.dimensions[index])
  )
    return first;
  throw PrunecastError.ofField(
    'set.dimensions',
    `has ${other.dimensions.length} names that are not those of the first set (${first.dimensions.length}), or in another order`,
    'PAIRS_INVALID',
  );
}

function requirePair(plugins: PluginRegistry, pair: Pair, dimensions: readonly string[], index: number): Pair {
  const refuse = (field: string, description: string): never => {
    throw PrunecastError.ofField(`pairs[${index}].${field}`, description, 'PAIRS_INVALID');
  };
  if (pair.rates.length !== dimensions.length)
    refuse('rates', `has ${pair.rates.length} rates; the set has ${dimensions.length} dimensions`);
  const badRate = pair.rates.findIndex((rate) => !(rate >= 0 && rate <= 1));
  if (badRate >= 0)
    refuse(`rates[${badRate}]`, `is ${pair.rates[badRate]} (${dimensions[badRate]}); allowed is 0 to 1`);
  const metrics = Object.entries(pair.metrics);
  if (metrics.length === 0) refuse('metrics', 'is empty: a pair has at least one metric');
  for (const [name, value] of metrics) {
    const fault = findLabelFault(findMetric(plugins, name), value);
    if (fault !== undefined) refuse(`metrics.${name}`, fault);
  }
  return pair;
}
