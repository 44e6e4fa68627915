import type { Evaluator } from '../../core/ports/evaluator.js';
import type { PredictorFeatures } from '../../gen/prunecast/v1/predictor_types.js';
import type { Strategy } from '../../core/ports/strategy.js';
import type { StudyPlan } from '../../search/study/plan.js';
import type { OpenModel } from '../models/open-models.js';
import type { ResolvedPlugin } from '../plugins/plugin-registry.js';
import type { OutputPlan } from '../pruning/write-pruned.js';
import type { StudyRecipes } from './study-recipes.js';
import type { StudyWindows } from './study-texts.js';

/** A Search request, checked and complete: all that its study needs to run. */
export interface Study {
  readonly id: string;
  readonly model: OpenModel;
  readonly plan: StudyPlan;
  readonly recipes: StudyRecipes;
  readonly windows: StudyWindows['plans'];
  readonly evaluator: { readonly plugin: Evaluator; readonly options: unknown };
  readonly predictor: ResolvedPlugin<'predictor'>;
  /** What the predictor sees of an architecture. */
  readonly features: PredictorFeatures;
  readonly strategy: { readonly plugin: Strategy; readonly options: unknown };
  /** undefined where the winner is not to be written. */
  readonly output: OutputPlan | undefined;
  /** The encoded SearchRequest. */
  readonly request: Uint8Array;
}
