import type { Exporter } from '../../core/ports/exporter.js';
import type { OutputTarget } from '../../core/ports/outputs.js';

/** Where a pruned model is written, and how. */
export interface OutputPlan extends OutputTarget {
  /** What may be replaced: nothing, what a run of the same job wrote before the server ended, or anything. */
  readonly overwrites: 'none' | 'own' | 'any';
  readonly exporter: Exporter;
  readonly exporterOptions: unknown;
  /** The module whose default export is the exporter: it writes in a thread of its own. */
  readonly exporterUrl: URL;
}
