import type { OpenModel } from '../models/open-models.js';
import type { OutputPlan } from '../pruning/write-pruned.js';
import type { SearchPlan } from '../requests/plan-search.js';
import type { ResolvedSearch } from '../requests/resolve-search.js';
import type { Clock } from '../../core/ports/clock.js';
import type { EvaluateServices } from '../evaluation/prepare-evaluate.js';
import type { FittedPredictors } from '../predictors/fitted-predictors.js';
import type { OutputFolders } from '../../core/ports/outputs.js';
import type { StudyRecords } from '../records/study-records.js';

/** A Search request, checked and complete: all that its study needs to run. */
export interface Study extends ResolvedSearch {
  readonly id: string;
  readonly model: OpenModel;
  /** What is stored of it: `plan` is read from here. */
  readonly document: SearchPlan;
  /** undefined where the winner is not to be written. */
  readonly output: OutputPlan | undefined;
  /** The encoded SearchRequest. */
  readonly request: Uint8Array;
}

/** A study whose windows are planned as far as it measures: one that only samples has none but those of its pairs. */
export type SampledStudy = Pick<Study, 'id' | 'model' | 'plan' | 'document' | 'recipes' | 'evaluator' | 'request'> & {
  readonly windows: Pick<Study['windows'], 'search'> & Partial<Study['windows']>;
};

/** What studies are run with. */
export interface SearchServices extends EvaluateServices {
  readonly predictors: FittedPredictors;
  readonly outputs: OutputFolders;
  readonly studies: StudyRecords;
  readonly clock: Clock;
}
