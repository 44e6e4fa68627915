import type { SearchSpace } from '../../core/space/search-space.js';
import type { Predictor } from '../../gen/prunecast/v1/predictor_types.js';
import { readStudy } from '../records/read-study.js';
import type { StudyRecord, StudyRecords } from '../records/study-records.js';
import type { PlannedWindows } from '../requests/plan-document.js';
import { readStudyPlan } from '../requests/plan-search.js';

/** The study that the pairs of a predictor are of. */
export interface PredictorStudy {
  readonly record: StudyRecord;
  /** What the pairs are measured on; undefined for imported ones. */
  readonly search: PlannedWindows | undefined;
  /**
   * The space, whose dimensions are those of the predictor. undefined for imported pairs, and for a study of an earlier
   * version.
   */
  openSpace(): SearchSpace | undefined;
}

/** undefined if the pairs came without a study, or it was deleted. */
export async function findPredictorStudy(
  studies: Pick<StudyRecords, 'find'>,
  { studyId, dimensions }: Pick<Predictor, 'studyId' | 'dimensions'>,
): Promise<PredictorStudy | undefined> {
  const record = studyId === '' ? undefined : await studies.find(studyId);
  if (record === undefined) return undefined;
  const { plan, search } = readStudy(record);
  return {
    record,
    search,
    openSpace: () => {
      const named = plan?.study.space.dimensions;
      const isSame =
        named?.length === dimensions.length && named.every(({ name }, column) => name === dimensions[column]);
      return plan === undefined || !isSame ? undefined : readStudyPlan(plan.study).space;
    },
  };
}
