import type { LatencyTable } from '../../core/budget/latency-table.js';
import type { Architecture } from '../../core/model/shape.js';
import type { UnitScores } from '../../core/model/unit-scores.js';
import type { RunBatch } from '../../core/run-batches.js';
import type { ScoredModel } from '../../core/ports/criterion.js';
import type { Observation, ObservationRequest } from '../../core/ports/evaluator.js';
import type { PluginAddress } from '../../core/ports/plugin-entry.js';
import type { PluginKind } from '../../core/ports/plugin.js';
import type { Calibration, CalibrationNeed } from '../calibration/calibration.js';
import type { TensorEntry } from '../checkpoint/checkpoint.js';
import type { LayerErrors } from '../compensation/calibration-errors.js';
import type { BlockMapRequest, BlockMap } from '../compensation/block-map.js';
import type { ModelConfig } from '../config/config.js';
import type { FileRecord } from '../files/checkpoint-files.js';
import type { CheckpointPlace } from '../files/open-within.js';
import type { ScoredLayer } from '../ranking/list-units.js';
import type { RecoveryRequest } from '../runtime/recover-model.js';
import type { TrainingOutcome } from '../recovery/train-halves.js';
import type { RuntimeOptions } from '../runtime/model-memory.js';
import type { KeyedRecipe } from '../weights/recipe.js';

/** What a model's thread is started with. */
export interface ModelThreadData {
  readonly place: CheckpointPlace;
  /** The state of the files when the checkpoint was opened; the thread reads no other files. */
  readonly records: ReadonlyMap<string, FileRecord>;
  readonly config: ModelConfig;
  readonly tensors: readonly TensorEntry[];
  readonly options: Omit<RuntimeOptions, 'guard'>;
  /** From `startGatedWorker`. */
  readonly gate: Int32Array;
}

/** A plug-in that the thread loads itself, with its complete options. */
export interface PluginMessage<Kind extends PluginKind> {
  readonly address: PluginAddress & { readonly kind: Kind };
  readonly options: unknown;
}

/** A recipe as it is sent to the thread. */
export type RecipeMessage = KeyedRecipe<PluginMessage<'compensation'>>;

/** The calls that the thread answers: their arguments, the items they send before they end, and their result. */
export type ModelCalls = {
  observe: {
    argument: {
      readonly recipe: RecipeMessage;
      readonly architectures: readonly Architecture[];
      readonly request: ObservationRequest;
      readonly batches: readonly RunBatch[];
      /** `stream`: each architecture is compensated on its own stream. */
      readonly fit?: 'stream';
      /** Threads of ONNX Runtime for this call; by default those of the thread. */
      readonly threads?: number;
    };
    item: Observation;
    result: undefined;
  };
  calibrate: {
    argument: {
      readonly sequences: readonly Int32Array[];
      readonly needs: readonly CalibrationNeed[];
      /** As for `losses`. */
      readonly threads?: number;
    };
    item: never;
    result: Calibration;
  };
  scoreUnits: {
    argument: {
      readonly criterion: PluginMessage<'criterion'>;
      readonly seed: number;
      readonly calibration?: Calibration;
    };
    item: never;
    result: readonly UnitScores[];
  };
  scoreModel: {
    argument: { readonly criterion: PluginMessage<'criterion'>; readonly model: ScoredModel };
    item: never;
    result: readonly UnitScores[];
  };
  logits: {
    argument: { readonly recipe: RecipeMessage; readonly architecture: Architecture; readonly tokens: Int32Array };
    item: never;
    result: Float32Array;
  };
  blockMap: {
    argument: { readonly recipe: RecipeMessage; readonly request: BlockMapRequest };
    item: never;
    result: BlockMap;
  };
  recover: { argument: RecoveryRequest<RecipeMessage>; item: never; result: TrainingOutcome };
  calibrationErrors: { argument: { readonly recipe: RecipeMessage }; item: never; result: readonly LayerErrors[] };
  measureFactorisation: { argument: Readonly<Record<string, never>>; item: never; result: number };
  timeShapes: { argument: { readonly length: number }; item: never; result: LatencyTable };
  timeArchitecture: {
    argument: { readonly recipe: RecipeMessage; readonly architecture: Architecture; readonly length: number };
    item: never;
    result: number;
  };
  readLayer: { argument: { readonly layer: number }; item: never; result: Omit<ScoredLayer, 'statistics'> };
};
