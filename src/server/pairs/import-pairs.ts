import type { Clock } from '../../core/ports/clock.js';
import type { Store } from '../../core/ports/store.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { JobState } from '../../gen/prunecast/v1/job.js';
import type { ImportPairsRequest, ImportPairsResponse, Pair, PairSet } from '../../gen/prunecast/v1/pair.js';
import { createId } from '../records/create-id.js';
import { newPairSet, type PairSetRecords } from '../records/pair-set-records.js';
import { newStudy } from '../records/study-records.js';
import { requireDistinctDimensions, requirePair, requireSameSet } from '../requests/decode-pairs.js';
import { PLAN_VERSION } from '../requests/plan-document.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';

export interface ImportServices {
  readonly store: Pick<Store, 'keep'>;
  readonly pairSets: PairSetRecords;
  readonly plugins: PluginLookup;
  readonly clock: Clock;
}

/** The most pairs of one import; boosted trees take a tenth of them. */
const MOST_PAIRS = 100_000;

/** The most rates and metrics of one import, all pairs together: 80 MB, or a hundred per pair at the most pairs. */
const MOST_VALUES = 10_000_000;

/** The most pairs per stored row, and the most rates and metrics. */
const PAIRS_PER_PART = 1000;
const VALUES_PER_PART = 100_000;

/**
 * Stores pairs that were labelled elsewhere as a study of their own: first the set, then the pairs; joined files may
 * repeat both. The sets after the first must have the same measurement. Pairs are stored as they arrive, and at most
 * one part is held in memory. The study appears when all pairs are stored and valid; if the import fails, nothing is
 * kept.
 *
 * @throws PrunecastError INVALID_REQUEST, PAIRS_INVALID with the first invalid pair, PAIRS_TOO_MANY,
 * MEASUREMENT_MISMATCH, or the signal's reason
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
    // The study is stored last: until then its pairs cannot be seen.
    await store.keep([
      newStudy({
        id: studyId,
        jobId: '',
        model: set.model,
        checkpointDigest: set.checkpointDigest,
        seed: 0,
        request: new Uint8Array(0),
        plan: { schemaVersion: PLAN_VERSION, kind: 'imported', dimensions: set.dimensions, recipes: [...recipes] },
        progress: null,
        report: undefined,
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
  plugins: PluginLookup,
  requests: AsyncIterable<ImportPairsRequest>,
  store: (part: PairSet) => Promise<void>,
): Promise<Imported> {
  let set: PairSet | undefined;
  let part: Pair[] = [];
  let [count, values, partValues] = [0, 0, 0];
  const recipes = new Set<string>();
  for await (const { content } of requests) {
    if (content?.$case === 'set')
      set = set === undefined ? takeFirst(content.value) : requireSameSet(set, content.value);
    if (set === undefined) throw PrunecastError.ofField('set', 'is missing: send it first, once, and then the pairs');
    if (content === undefined)
      throw PrunecastError.ofField('content', 'is not set: send the set first, and then one pair per message');
    for (const pair of content.$case === 'set' ? content.value.pairs : [content.value]) {
      const size = pair.rates.length + Object.keys(pair.metrics).length;
      requirePair(plugins, pair, set.dimensions, count);
      part.push(pair);
      recipes.add(pair.recipeDigest);
      [count, values, partValues] = [count + 1, values + size, partValues + size];
      if (count > MOST_PAIRS) throw tooMany(`more than ${MOST_PAIRS} pairs were sent`, MOST_PAIRS);
      if (values > MOST_VALUES)
        throw tooMany(`the first ${count} pairs have more than ${MOST_VALUES} rates and metrics together`, MOST_VALUES);
      if (part.length < PAIRS_PER_PART && partValues < VALUES_PER_PART) continue;
      await store({ ...set, pairs: part });
      [part, partValues] = [[], 0];
    }
  }
  if (set === undefined) throw PrunecastError.ofField('set', 'is missing: send it first, once, and then the pairs');
  if (count === 0) throw PrunecastError.ofField('pair', 'is missing: there is nothing to import', 'PAIRS_INVALID');
  if (part.length > 0) await store({ ...set, pairs: part });
  return { set, recipes, count };
}

function tooMany(what: string, most: number): PrunecastError {
  return new PrunecastError('PAIRS_TOO_MANY', `${what}: import them in parts`, { metadata: { most: String(most) } });
}

function takeFirst(set: PairSet): PairSet {
  requireDistinctDimensions(set, 'set');
  return { ...set, pairs: [] };
}
