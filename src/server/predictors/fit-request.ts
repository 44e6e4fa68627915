import type { ErrorTable } from '../../core/features/error-table.js';
import type { RateRange } from '../../core/space/count-rule.js';
import type { MetricValues } from '../requests/resolve-fit.js';
import type { ResolvedPlugin } from '../requests/plugin-lookup.js';
import type { StoreRecord } from '../../core/ports/store.js';

/** What a predictor is fitted on and for. */
export interface FitRequest extends MetricValues {
  readonly plugin: ResolvedPlugin<'predictor'>;
  /** Further metrics of the same pairs, each with its own model. */
  readonly others?: readonly MetricValues[];
  readonly dimensions: readonly string[];
  /** [pairs, dimensions], row-major. */
  readonly rates: Float32Array;
  /**
   * The recipe digest of each pair. If there are several recipes, they become an input; by default all pairs have the
   * source's recipe.
   */
  readonly recipes?: readonly string[];
  readonly seed: number;
  readonly source: PairSource;
  /** The rates between which effects are traced, dimension by dimension; by default those of the pairs. */
  readonly ranges?: readonly RateRange[];
  /** What the model sees besides rates, from `measureErrorTables`; nothing by default. */
  readonly tables?: readonly ErrorTable[];
  /** Whether the learning curve is traced too. @default false */
  readonly learning?: boolean;
  /** Rows of the pairs, ascending, that a plug-in fitted elsewhere has not seen. @default none */
  readonly unseen?: readonly number[];
  /** Stores the predictor together with the record that announces it; by default it is stored at once. */
  readonly join?: (record: StoreRecord) => void;
}

/** What all pairs share; empty if the caller did not say. */
export interface PairSource {
  readonly model: string;
  readonly checkpointDigest: string;
  readonly measurementFingerprint: string;
  readonly fidelityDigest: string;
  readonly recipeDigests: readonly string[];
  readonly studyId: string;
}
