import { measureCounts } from '../../core/budget/cost-model.js';
import { createCostModel } from '../../core/budget/cost-spec.js';
import type { EncodingBatch } from '../../core/pairs.js';
import { denseCounts, type SearchSpace } from '../../core/space/search-space.js';
import { snapRates } from '../../core/space/snap-rates.js';
import { Measurement } from '../../gen/prunecast/v1/common.js';
import { SearchRequest, type PredictResponse } from '../../gen/prunecast/v1/pruning.js';
import { encodePlannedFidelity } from '../encoding/measurement.js';
import { TrialRole } from '../../gen/prunecast/v1/study_types.js';
import type { StudyRecord, StudyRecords } from '../records/study-records.js';
import type { PredictorStudy } from './predictor-study.js';

/** What a prediction is about. */
export type Predicted = Pick<
  PredictResponse,
  'parameters' | 'denseParameters' | 'denseReportMetrics' | 'measurement' | 'fidelity' | 'text'
>;

/**
 * The sizes of predicted architectures, what the labels of the predictor's pairs were measured on, and what the unpruned
 * model has on the report windows, the only ones that a study measures it on. All come from the study of the pairs: nothing is known of pairs that were labelled elsewhere, or if the study was deleted.
 */
export async function describePredicted(
  studies: Pick<StudyRecords, 'trials'>,
  study: PredictorStudy | undefined,
  batch: EncodingBatch,
): Promise<Predicted> {
  const { record, search } = study ?? {};
  const space = study?.openSpace();
  return {
    ...(space === undefined ? { parameters: [], denseParameters: 0n } : measureSizes(space, batch)),
    denseReportMetrics: record === undefined ? {} : await findDense(studies, record.id),
    measurement: search && Measurement.fromPartial({ ...search.measurement, fingerprint: search.fingerprint }),
    fidelity: search && encodePlannedFidelity(search.fidelity),
    text: record === undefined ? '' : nameText(record),
  };
}

function measureSizes(
  space: SearchSpace,
  { rates, columns }: EncodingBatch,
): Pick<Predicted, 'parameters' | 'denseParameters'> {
  const cost = createCostModel(space.shape, { kind: 'parameters' });
  const parameters = Array.from({ length: rates.length / columns }, (_, row) =>
    BigInt(measureCounts(cost, space, snapRates(space, rates.subarray(row * columns, (row + 1) * columns)).counts)),
  );
  return { parameters, denseParameters: BigInt(measureCounts(cost, space, denseCounts(space))) };
}

async function findDense(studies: Pick<StudyRecords, 'trials'>, studyId: string): Promise<Record<string, number>> {
  const [dense] = await studies.trials(studyId, TrialRole.DENSE);
  return dense?.metrics ?? {};
}

/** The path that the request of the study gave; empty for a text that was sent along. */
function nameText({ request }: Pick<StudyRecord, 'request'>): string {
  if (request.length === 0) return '';
  const { texts } = SearchRequest.decode(request);
  const source = (texts?.search ?? texts?.text)?.source;
  return source?.$case === 'path' ? source.value : '';
}
