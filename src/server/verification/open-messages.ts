import type { WeightDifference } from '../../core/compare-weights.js';
import type { OpenedExport, OpenedTensor, RowRange } from '../../core/ports/exporter.js';
import type { PluginAddress } from '../../core/ports/plugin-entry.js';
import type { TensorDtype } from '../../engine/checkpoint/checkpoint.js';
import type { ModelConfig } from '../../engine/config/config.js';

/** The data that the thread of an opened export starts with. */
export interface OpenThreadData {
  readonly address: PluginAddress & { readonly kind: 'exporter' };
  readonly directory: string;
  /** From `startGatedWorker`. */
  readonly gate: Int32Array;
}

/** What an export says of itself. */
export interface OpenedFacts extends Pick<OpenedExport, 'shape' | 'architecture' | 'storage'> {
  /** undefined: it does not read its weights back. */
  readonly tensors: readonly Pick<OpenedTensor, 'name' | 'shape'>[] | undefined;
}

/** The calls that the thread answers. */
export type OpenedCalls = {
  /** Opens the export, which the other calls do too. */
  readonly open: { readonly argument: undefined; readonly item: never; readonly result: OpenedFacts };
  /** Compares some rows of a tensor with what they should be. */
  readonly compare: {
    readonly argument: ComparedRows;
    readonly item: never;
    readonly result: WeightDifference | undefined;
  };
  /** What the export computes, [tokens, vocabulary]. */
  readonly logits: { readonly argument: Int32Array; readonly item: never; readonly result: Float32Array };
  /** What the engine computes of the weights in the export. */
  readonly engineLogits: { readonly argument: EngineRun; readonly item: never; readonly result: Float32Array };
};

/** Rows of a tensor; what there is none of is zeros. */
export interface ComparedRows {
  /** In the export. */
  readonly tensor: string | undefined;
  readonly rows: RowRange;
  /** Values of a row. */
  readonly width: number;
  readonly expected: { readonly dtype: TensorDtype; readonly bytes: Uint8Array } | undefined;
  /** As in `compareWeights`. */
  readonly leeway: number;
}

/** A run of the engine with weights of the export. */
export interface EngineRun {
  /** As the source's, of the pruned shape. */
  readonly config: ModelConfig;
  /** What stands in the export for each tensor of that shape; one without is zeros. */
  readonly names: ReadonlyMap<string, string>;
  readonly tokens: Int32Array;
}
