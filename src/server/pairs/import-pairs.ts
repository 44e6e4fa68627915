import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { findLabelFault } from '../../core/label.js';
import type { Clock } from '../../core/ports/clock.js';
import { JobState } from '../../gen/prunecast/v1/job.js';
import type { ImportPairsRequest, ImportPairsResponse, Pair, PairSet } from '../../gen/prunecast/v1/pair.js';
import { findMetric } from '../evaluation/find-metric.js';
import type { PluginRegistry } from '../plugins/plugin-registry.js';
import { createId } from '../store/create-id.js';
import type { PairSetStore } from '../store/pair-set-store.js';
import type { StudyStore } from '../store/study-store.js';

export interface ImportServices {
  readonly studies: StudyStore;
  readonly pairSets: PairSetStore;
  readonly plugins: PluginRegistry;
  readonly clock: Clock;
}

/** Most pairs of one import: of 60 dimensions, some 60 MB in memory; boosted trees take a tenth of them. */
const MOST_PAIRS = 100_000;

/** Pairs a stored row. */
const PAIRS_A_PART = 1000;

/**
 * Stores pairs that were labelled elsewhere as a study of their own, once all have come and all are good: the set first,
 * then pairs, or more of both where files were joined. Sets that follow must be of the first one's measurement.
 *
 * @throws PrunecastError INVALID_REQUEST, PAIRS_INVALID with the first pair at fault, PAIRS_TOO_MANY, MEASUREMENT_MISMATCH, or the signal's reason
 */
export async function importPairs({ studies, pairSets, plugins, clock }: ImportServices, requests: AsyncIterable<ImportPairsRequest>): Promise<ImportPairsResponse> {
  let set: PairSet | undefined;
  const pairs: Pair[] = [];
  for await (const { content } of requests) {
    if (content?.$case === 'set') set = set === undefined ? requireNamed(content.value) : requireSame(set, content.value);
    if (set === undefined) throw PrunecastError.ofField('set', 'has not come: it is sent first, once, and then the pairs');
    if (content === undefined) throw PrunecastError.ofField('content', 'is not set: send the set first, and then a pair a message');
    for (const pair of content.$case === 'set' ? content.value.pairs : [content.value]) pairs.push(requirePair(plugins, pair, set.dimensions, pairs.length));
    if (pairs.length > MOST_PAIRS) throw new PrunecastError('PAIRS_TOO_MANY', `more than ${MOST_PAIRS} pairs came: import them in parts`, { metadata: { most: String(MOST_PAIRS) } });
  }
  if (set === undefined) throw PrunecastError.ofField('set', 'has not come: it is sent first, once, and then the pairs');
  if (pairs.length === 0) throw PrunecastError.ofField('pair', 'has not come: there is nothing to import', 'PAIRS_INVALID');
  const shared = set;
  const studyId = createId('study');
  const parts = Array.from({ length: Math.ceil(pairs.length / PAIRS_A_PART) }, (_, part) => ({ ...shared, pairs: pairs.slice(part * PAIRS_A_PART, (part + 1) * PAIRS_A_PART) }));
  await pairSets.add(studyId, parts);
  // The study comes last: until then nobody sees its pairs.
  await studies.create({
    id: studyId,
    jobId: '',
    model: shared.model,
    checkpointDigest: shared.checkpointDigest,
    seed: 0,
    request: new Uint8Array(0),
    plan: { dimensions: shared.dimensions, recipes: [...new Set(pairs.map(({ recipeDigest }) => recipeDigest))] },
    state: JobState.SUCCEEDED,
    createdMs: clock.now(),
  });
  return { studyId, pairs: pairs.length };
}

function requireNamed(set: PairSet): PairSet {
  const { dimensions } = set;
  if (dimensions.length === 0) throw PrunecastError.ofField('set.dimensions', 'is empty: name the columns of the rates');
  const twice = dimensions.findIndex((name, index) => dimensions.indexOf(name) < index);
  if (twice >= 0) throw PrunecastError.ofField(`set.dimensions[${twice}]`, `is ${dimensions[twice]}, which is there already: name each column once`);
  return { ...set, pairs: [] };
}

/** What all pairs of an import share, by the name of its field. */
const SHARED = { measurementFingerprint: 'measurement_fingerprint', fidelityDigest: 'fidelity_digest', checkpointDigest: 'checkpoint_digest' } as const;

function requireSame(first: PairSet, other: PairSet): PairSet {
  for (const [key, field] of Object.entries(SHARED) as [keyof typeof SHARED, string][]) {
    if (first[key] === other[key]) continue;
    throw new PrunecastError('MEASUREMENT_MISMATCH', `set.${field}: is "${other[key]}", the first set has "${first[key]}": their labels do not compare, import them apart`, {
      metadata: { first: first[key], other: other[key] },
      violations: [{ field: `set.${field}`, description: `is "${other[key]}"; the first set has "${first[key]}"` }],
    });
  }
  if (first.dimensions.length === other.dimensions.length && first.dimensions.every((name, index) => name === other.dimensions[index])) return first;
  throw PrunecastError.ofField('set.dimensions', `has ${other.dimensions.length} names that are not those of the first set (${first.dimensions.length}), or in another order`, 'PAIRS_INVALID');
}

function requirePair(plugins: PluginRegistry, pair: Pair, dimensions: readonly string[], index: number): Pair {
  const refuse = (field: string, description: string): never => {
    throw PrunecastError.ofField(`pairs[${index}].${field}`, description, 'PAIRS_INVALID');
  };
  if (pair.rates.length !== dimensions.length) refuse('rates', `has ${pair.rates.length} rates; the set has ${dimensions.length} dimensions`);
  const badRate = pair.rates.findIndex((rate) => !(rate >= 0 && rate <= 1));
  if (badRate >= 0) refuse(`rates[${badRate}]`, `is ${pair.rates[badRate]} (${dimensions[badRate]}); allowed is 0 to 1`);
  const metrics = Object.entries(pair.metrics);
  if (metrics.length === 0) refuse('metrics', 'is empty: a pair has at least one metric');
  for (const [name, value] of metrics) {
    const fault = findLabelFault(findMetric(plugins, name), value);
    if (fault !== undefined) refuse(`metrics.${name}`, fault);
  }
  return pair;
}
