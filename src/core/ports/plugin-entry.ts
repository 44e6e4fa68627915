import type { Compensation } from './compensation.js';
import type { AnyCriterion } from './criterion.js';
import type { Evaluator } from './evaluator.js';
import type { Exporter } from './exporter.js';
import type { PluginHostAddress, PluginKind } from './plugin.js';
import type { Predictor, PredictorChooser } from './predictor.js';
import type { Recovery } from './recovery.js';
import type { Strategy } from './strategy.js';

/** The port that each kind of plug-in implements. */
export interface PluginsByKind {
  criterion: AnyCriterion;
  compensation: Compensation;
  evaluator: Evaluator;
  predictor: Predictor | PredictorChooser;
  strategy: Strategy;
  exporter: Exporter;
  recovery: Recovery;
}

/** A plug-in of any kind. */
export type Plugin = PluginsByKind[PluginKind];

/** A plug-in with the module that it comes from. */
export interface PluginEntry<Kind extends PluginKind = PluginKind> {
  readonly plugin: PluginsByKind[Kind];
  /** The module whose default export is the plug-in, or an array that holds it. */
  readonly moduleUrl: URL;
}

/** Where a worker finds a plug-in again: the module, and which of the plug-ins in it. */
export interface PluginAddress {
  /** The URL of the module. It comes from the server's own list of plug-ins, never from a request. */
  readonly moduleUrl: string;
  readonly kind: PluginKind;
  readonly id: string;
  /** What the server has; a worker that finds another version refuses it. undefined: not compared. */
  readonly version: string | undefined;
  /** undefined: no server has loaded it. */
  readonly host?: PluginHostAddress | undefined;
}
