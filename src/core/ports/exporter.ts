import type { Architecture, BlockBiases, ModelShape } from '../model/shape.js';
import type { KeptUnits } from '../model/units.js';
import type { PluginManifest } from './plugin.js';
import type { WorkContext } from './work-context.js';

/** Writes the pruned model in a format that other software loads. */
export interface Exporter<Options = unknown, Context extends WorkContext = WorkContext>
  extends PluginManifest<Options> {
  readonly kind: 'exporter';
  /**
   * Whether it can write an architecture, with or without biases that a compensation added, and what will load the
   * result.
   */
  supports(shape: ModelShape, architecture: Architecture, biases: 'none' | 'added', options: Options): ExportSupport;
  /** Writes all files into `directory`, an existing empty folder; the caller moves it into place. */
  write(model: PrunedModel, directory: string, context: Context, options: Options): Promise<ExportSummary>;
}

/** What will load an export ("transformers", "vLLM"); or why it cannot be written. */
export type ExportSupport =
  /**
   * `biases`: those of the written model if its format needs more than the model has; the others are zeros.
   * `numberBytes`: the bytes of a number in what is written, if they are not those of the model.
   */
  | {
      readonly ok: true;
      readonly loadsIn: readonly string[];
      readonly biases?: BlockBiases;
      readonly numberBytes?: ModelShape['numberBytes'];
    }
  | { readonly ok: false; readonly reason: string };

/** A pruned model, ready to be written: tensors come one by one so that memory stays small. */
export interface PrunedModel {
  /** Shape of the result: its `layers` are the kept counts. */
  readonly shape: ModelShape;
  readonly architecture: Architecture;
  readonly keptUnits: KeptUnits;
  /** The source checkpoint's config.json, parsed. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The source checkpoint's folder. Its files are read through `readSource` alone. */
  readonly sourceDirectory: string;
  /**
   * All of a file of that folder (`tokenizer.json`, `additional_chat_templates/rag.jinja`); undefined if there is none.
   * Throws PATH_OUTSIDE_ROOTS for a link to where the caller may not read, MODEL_MALFORMED for anything but a plain
   * file, and for one longer than any real one.
   */
  readSource(file: string): Promise<Uint8Array | undefined>;
  /**
   * The files of that folder that are copied to every output as they are: the tokenizer with its own code and chat
   * templates, generation defaults, licences.
   */
  listCompanions(): Promise<readonly string[]>;
  /**
   * Every tensor of the pruned checkpoint under its Hugging Face name, cut and compensated, in the source's own dtype.
   */
  readonly tensors: readonly PrunedTensor[];
  /** What goes into prunecast.json beside the output. */
  readonly manifest: Readonly<Record<string, unknown>>;
}

export interface PrunedTensor {
  readonly name: string;
  readonly dtype: 'F32' | 'F16' | 'BF16';
  readonly shape: readonly number[];
  /** Little-endian bytes of the tensor. */
  read(): Promise<Uint8Array>;
}

export interface ExportSummary {
  /** Names of the files written, relative to the folder. */
  readonly files: readonly string[];
  /** The size of these files together; an output with fewer or more bytes counts as damaged. */
  readonly bytes: number;
}
