import type { OpenModel } from '../models/open-models.js';
import type { OutputPlan } from '../pruning/write-pruned.js';
import type { ResolvedSearch } from '../requests/resolve-search.js';

/** A Search request, checked and complete: all that its study needs to run. */
export interface Study extends ResolvedSearch {
  readonly id: string;
  readonly model: OpenModel;
  /** undefined where the winner is not to be written. */
  readonly output: OutputPlan | undefined;
  /** The encoded SearchRequest. */
  readonly request: Uint8Array;
}
