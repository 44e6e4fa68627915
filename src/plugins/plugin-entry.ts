import type { Compensation } from '../core/ports/compensation.js';
import type { Criterion } from '../core/ports/criterion.js';
import type { Evaluator } from '../core/ports/evaluator.js';
import type { Exporter } from '../core/ports/exporter.js';
import type { PluginKind } from '../core/ports/plugin.js';
import type { Predictor, PredictorChooser } from '../core/ports/predictor.js';
import type { Strategy } from '../core/ports/strategy.js';

/** The port that each kind of plug-in implements. */
export interface PluginsByKind {
  criterion: Criterion;
  compensation: Compensation;
  evaluator: Evaluator;
  predictor: Predictor | PredictorChooser;
  strategy: Strategy;
  exporter: Exporter;
}

/** A plug-in with its kind and the module it comes from, for a worker thread to load it again. */
export type PluginModule<Kind extends PluginKind = PluginKind> = {
  [K in Kind]: {
    readonly kind: K;
    readonly plugin: PluginsByKind[K];
    /** The module whose default export is the plug-in. */
    readonly moduleUrl: URL;
  };
}[Kind];

/** A plug-in as a server binds it. */
export type PluginEntry<Kind extends PluginKind = PluginKind> = PluginModule<Kind> & {
  /** Of the package that brings it. */
  readonly version: string;
};
