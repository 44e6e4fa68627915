import type { Exporter } from '../../core/ports/exporter.js';
import type { OutputTarget } from '../../core/ports/outputs.js';

/** Where a pruned model is written, and how. */
export interface OutputPlan extends OutputTarget {
  /** What may be replaced: nothing, what a run of the same job wrote before the server ended, or anything. */
  readonly overwrites: 'none' | 'own' | 'any';
  /** One that is the whole output, or those that have a folder each within it. */
  readonly exports: readonly PlannedExport[];
  /** What it will lack, and what loads it does otherwise than the model's own software. */
  readonly notes: readonly string[];
}

/** One form of an output. */
export interface PlannedExport extends ChosenExporter {
  /** Its folder within the output; empty if it is the whole output. */
  readonly folder: string;
  /** The path of its exporter in the request. */
  readonly field: string;
  /** The module whose default export is the exporter: it writes in a thread of its own. */
  readonly moduleUrl: URL;
}

/** An exporter with its options, which are complete. */
export interface ChosenExporter {
  readonly exporter: Exporter;
  readonly options: unknown;
}
