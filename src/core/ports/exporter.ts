import type { Architecture, BlockBiases, ModelShape } from '../model/shape.js';
import type { KeptUnits } from '../model/units.js';
import type { ShapeLimits } from '../space/shape-limits.js';
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
  /**
   * What it asks of all layers of an architecture, so that a search makes only such as `supports` takes. It says no less
   * than is needed, if it can be said in this form, and no more. Without this method nothing is asked, and a search that
   * could come to an architecture that `supports` refuses is refused beforehand.
   */
  restrict?(shape: ModelShape, biases: 'none' | 'added', options: Options): ShapeLimits;
  /**
   * Why nothing of a checkpoint can be written with these options, whatever its architecture, with the way out: its
   * format cannot hold this tokenizer. undefined if nothing stands against it, as without this method. It is asked
   * before any work; `write` may rely on the answer.
   */
  refuses?(source: ExportSource, options: Options): Promise<string | undefined>;
  /**
   * What software that loads the format does otherwise than the model's own, such as split some texts into other tokens:
   * one sentence each, without its full stop. Plans, results and reports tell it. Asked only if `refuses` has no reason.
   */
  listNotes?(source: ExportSource, options: Options): Promise<readonly string[]>;
  /**
   * The files that `write` writes of a model, and their bytes, so that plans state what an output takes on disk. It reads
   * no tensor; the model's `manifest` has made-up digests. Without this method a plan counts the weights alone.
   */
  listFiles?(model: PrunedModel, options: Options): Promise<FileSizes>;
  /** Writes all files into `directory`, an existing empty folder; the caller moves it into place. */
  write(model: PrunedModel, directory: string, context: Context, options: Options): Promise<ExportSummary>;
  /**
   * Opens what `write` wrote, to verify it: as software does that loads the format, from the files of the format in
   * `directory` alone. It reads neither prunecast.json nor the source, and needs no options; what the files do not say,
   * such as a width, comes from their tensors. It checks that every tensor is there in the right shape, and throws
   * MODEL_MALFORMED that names the file at fault. The weights may be read later, a part at a time. Nothing in the folder
   * is written.
   *
   * The context is for all that is done with the export: its signal ends `logits` and reads of tensors too, and whatever
   * takes more than two seconds should report how far it is. Without `open`, an output is verified by the digests of its
   * files alone.
   */
  open?(directory: string, context: Context): Promise<OpenedExport>;
}

/** An export that was opened by its own path. */
export interface OpenedExport {
  /** Its sizes as the files have them. */
  readonly shape: Pick<ModelShape, 'hidden' | 'headDim' | 'vocabulary'>;
  /**
   * What it keeps, as the files have it: 0 for a dropped half-block. A format that leaves out layers whose half-blocks are
   * both dropped leaves them out here.
   */
  readonly architecture: Architecture;
  readonly storage: WeightStorage;
  /**
   * Its weights, each once. What the model has and the list lacks counts as zeros. They are compared with those of the
   * source, and give the logits that `logits` is to give. Without them only logits are compared, with those of weights
   * that are not rounded: of coarse types that says little.
   */
  readonly tensors?: readonly OpenedTensor[];
  /**
   * The logits of a sequence of token ids, [tokens, vocabulary], row-major. The ids are those of the source's tokenizer, at
   * positions from 0 on; no BOS is added. Computed from the stored weights in float32, or as near to it as the format's
   * software computes.
   */
  logits(tokens: Int32Array): Promise<Float32Array>;
  /** Closes its files and ends its threads; called once, also after an error or a cancel. */
  close(): Promise<void>;
}

/** A tensor of an opened export. */
export interface OpenedTensor {
  /** As Hugging Face names it, its layer counted as in `architecture`. */
  readonly name: string;
  /** Rows first, as there. */
  readonly shape: readonly number[];
  /** Some of its rows, by default all: a large one need not be in memory at once. */
  read(rows?: RowRange): Promise<StoredValues>;
}

/** Values of a tensor as they are stored, row-major. */
export interface StoredValues {
  /** What the format's software computes with. */
  readonly values: Float32Array;
  /** For each the most by which rounding to its type has changed it: half a step of that type there. */
  readonly maxErrors: Float32Array;
}

/** How the weights of an export are stored: it says how far its logits may be from those of the source's weights. */
export interface WeightStorage {
  /** The type of the coarsest matrices, by its name in the format: `BF16`, `Q8_0`. */
  readonly type: string;
  /**
   * The most that rounding to it changes a weight, as a share of the largest weight that shares its scale: 2^-24 for F32,
   * 2^-11 for F16, 2^-8 for BF16, 1/254 for blocks of 8-bit integers, 1/16 for those of 4 bits.
   */
  readonly rounding: number;
}

/** What will load an export ("transformers", "vLLM"); or why it cannot be written. */
export type ExportSupport =
  /**
   * `biases`: those of the written model if its format needs more than the model has; the others are zeros.
   * `layers`: those of the written model if they are not those of the architecture: a format may need zeros in place of a
   * dropped half-block, or leave out a layer that keeps nothing.
   * `numberBytes`: the bytes of a number in what is written, in the layers that it has, if they are not those of the model.
   */
  | {
      readonly ok: true;
      readonly loadsIn: readonly string[];
      readonly biases?: BlockBiases;
      readonly layers?: Architecture;
      readonly numberBytes?: ModelShape['numberBytes'];
    }
  | { readonly ok: false; readonly reason: string };

/** What an exporter knows of a checkpoint before anything of it is pruned. */
export interface ExportSource {
  /** Shape of the checkpoint. */
  readonly shape: ModelShape;
  /** Its config.json, parsed. */
  readonly config: Readonly<Record<string, unknown>>;
  /**
   * All of a file of its folder (`tokenizer.json`, `additional_chat_templates/rag.jinja`); undefined if there is none.
   * Throws PATH_OUTSIDE_ROOTS for a link to where the caller may not read, MODEL_MALFORMED for anything but a plain
   * file, and for one longer than any real one.
   */
  readSource(file: string): Promise<Uint8Array | undefined>;
}

/** A pruned model, ready to be written: tensors come one by one so that memory stays small. */
export interface PrunedModel extends ExportSource {
  /** Shape of the result: its `layers` are the kept counts. */
  readonly shape: ModelShape;
  readonly architecture: Architecture;
  readonly keptUnits: KeptUnits;
  /** The source checkpoint's folder. Its files are read through `readSource` alone. */
  readonly sourceDirectory: string;
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
  /**
   * Little-endian bytes of the tensor, or of some of its rows: a large one need not be in memory at once.
   *
   * @param memory where the bytes may be put, at least as many: gigabytes of new memory would keep the garbage collector
   * busy. They are its beginning then, or lie elsewhere.
   */
  read(rows?: RowRange, memory?: Uint8Array): Promise<Uint8Array>;
}

/** Neighbouring places along the first dimension of a tensor. */
export interface RowRange {
  readonly first: number;
  readonly count: number;
}

/** Bytes by the names of files, relative to the folder. */
export type FileSizes = Readonly<Record<string, number>>;

export interface ExportSummary {
  /** Names of the files written, relative to the folder. */
  readonly files: readonly string[];
  /** The size of these files together; an output with fewer or more bytes counts as damaged. */
  readonly bytes: number;
  /** SHA-256 (hex) of files that were hashed while they were written, by their names; the others are read again. */
  readonly digests?: Readonly<Record<string, string>>;
}
