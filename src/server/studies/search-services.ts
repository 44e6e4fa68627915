import type { Clock } from '../../core/ports/clock.js';
import type { EvaluateServices } from '../evaluation/prepare-evaluate.js';
import type { FittedPredictors } from '../predictors/fitted-predictors.js';
import type { OutputFolders } from '../../core/ports/outputs.js';
import type { StudyRecords } from '../records/study-records.js';

/** What studies are run with. */
export interface SearchServices extends EvaluateServices {
  readonly predictors: FittedPredictors;
  readonly outputs: OutputFolders;
  readonly studies: StudyRecords;
  readonly clock: Clock;
}
