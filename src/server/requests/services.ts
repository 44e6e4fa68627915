import type { LatencyTable } from '../../core/budget/latency-table.js';
import type { Precision } from '../../core/measurement.js';
import type { ModelShape } from '../../core/model/shape.js';
import type { EvaluationRows, EvaluationText, ObservationRequest } from '../../core/ports/evaluator.js';
import type { Text } from '../../gen/prunecast/v1/common.js';
import type { PluginLookup } from './plugin-lookup.js';
import type { RecipeSource } from './recipe.js';

/** What resolving a request on one open model needs from the server. */
export interface RequestServices {
  readonly model: RequestModel;
  readonly plugins: PluginLookup;
  readonly recipes: RecipeSource;
  /**
   * A text of the request as token ids of the model.
   *
   * @param field the text's path in the request
   * @param tokens how many of them are asked for; undefined for all. Of a long file the text may be a first part.
   * @throws PrunecastError INVALID_REQUEST, TEXT_NOT_FOUND, PATH_OUTSIDE_ROOTS, TOKENIZER_MISSING
   */
  loadText(text: Text | undefined, field: string, tokens?: number): Promise<EvaluationText>;
  /**
   * The rows of the files that a text of the request names, with the model's tokenizer.
   *
   * @param folders the folders whose files are read, inside of the named one; undefined: the named one is a file
   * @param field the text's path in the request
   * @throws PrunecastError INVALID_REQUEST with the file and the line of a row that cannot be read, TEXT_NOT_FOUND,
   * PATH_OUTSIDE_ROOTS, TOKENIZER_MISSING
   */
  loadRows(text: Text | undefined, folders: readonly string[] | undefined, field: string): Promise<EvaluationRows>;
  /** SHA-256 of a value's canonical JSON. */
  readonly digestOf: (value: unknown) => string;
  /** The manifest of an earlier output, as `OutputFolders.readManifest` has it. */
  readonly readManifest: (output: string, field: string) => Promise<unknown>;
}

/** What budgets need to know about a model. */
export interface BudgetedModel {
  readonly shape: ModelShape;
  /** Positions that the model was made for: max_position_embeddings of its config.json. */
  readonly maxPositions: number;
  /**
   * Times its shapes per token, with `length` tokens before it. The first call per length measures, which takes
   * seconds.
   */
  readonly timeShapes: (length: number) => Promise<LatencyTable>;
}

/** An open model as requests see it. */
export interface RequestModel extends BudgetedModel {
  /** As the caller named it. */
  readonly name: string;
  readonly checkpointDigest: string;
  /** As `HostedModel` has it. */
  readonly machine: string;
  /** Throws MEMORY_EXCEEDED if what is to be observed does not fit into the memory budget. */
  requireMemory(request: ObservationRequest): void;
  /** Throws PRECISION_UNAVAILABLE if the CPU does not support the precision. */
  requirePrecision(precision: Precision): Promise<void>;
}
