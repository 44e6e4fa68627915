import type { OpenModel } from '../models/open-models.js';
import type { OutputPlan } from '../pruning/output-plan.js';
import type { SearchPlan } from '../requests/plan-search.js';
import type { ResolvedSearch } from '../requests/resolve-search.js';
import type { Clock } from '../../core/ports/clock.js';
import type { Telemetry } from '../../core/ports/telemetry.js';
import type { EvaluateServices } from '../evaluation/prepare-evaluate.js';
import type { FittedPredictors } from '../predictors/fitted-predictors.js';
import type { OutputFolders } from '../../core/ports/outputs.js';
import type { StudyRecords } from '../records/study-records.js';

/** A Search request, checked and complete: all that its study needs to run. */
export interface Study extends ResolvedSearch {
  readonly id: string;
  readonly model: OpenModel;
  /** The stored form of it, from which `plan` is read. */
  readonly document: SearchPlan;
  /** undefined if the winner is not written. */
  readonly output: OutputPlan | undefined;
  /** The encoded SearchRequest. */
  readonly request: Uint8Array;
}

/** A study with the windows that it measures on: a sample has only those of its pairs. */
export type SampledStudy = Pick<
  Study,
  'id' | 'model' | 'plan' | 'document' | 'recipes' | 'evaluator' | 'further' | 'request'
> & {
  readonly windows: Pick<Study['windows'], 'search'> & Partial<Study['windows']>;
  readonly recovery?: Study['recovery'];
};

/** What studies need to run. */
export interface SearchServices extends EvaluateServices {
  readonly predictors: FittedPredictors;
  readonly outputs: OutputFolders;
  readonly studies: StudyRecords;
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, 'trialStored'>;
}
