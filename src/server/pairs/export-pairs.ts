import { setImmediate } from 'node:timers/promises';
import type { ExportPairsRequest, ExportPairsResponse } from '../../gen/prunecast/v1/pair.js';
import { collectPairs } from './collect-pairs.js';
import { requireText } from '../requests/fields.js';
import type { PairSetRecords } from '../records/pair-set-records.js';
import type { StudyRecords } from '../records/study-records.js';

/** The number of messages after which other work gets a turn. */
const PAIRS_PER_TURN = 200;

/**
 * All pairs of a study, measured and imported, in the form that ImportPairs takes: first what they share, then one
 * message per pair.
 *
 * @throws PrunecastError STUDY_NOT_FOUND
 */
export async function* exportPairs(
  services: { readonly studies: StudyRecords; readonly pairSets: PairSetRecords },
  request: ExportPairsRequest,
): AsyncGenerator<ExportPairsResponse, undefined, undefined> {
  const { pairs, ...set } = await collectPairs(services, requireText(request.studyId, 'study_id'));
  yield { content: { $case: 'set', value: { ...set, pairs: [] } } };
  for (const [index, pair] of pairs.entries()) {
    if (index % PAIRS_PER_TURN === PAIRS_PER_TURN - 1) await setImmediate();
    yield { content: { $case: 'pair', value: pair } };
  }
  return undefined;
}
