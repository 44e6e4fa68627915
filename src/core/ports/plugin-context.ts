import type { PluginKind } from './plugin.js';
import type { WorkContext } from './work-context.js';

/**
 * What a plug-in gets of the server that it runs in. The caller of a method gives its `WorkContext` if it has one, and
 * the host makes this of it; without one, the signal never fires.
 */
export interface PluginContext extends WorkContext {
  readonly log: PluginLog;
  /**
   * The absolute path of a folder of the plug-in's own, made on first use. It outlasts the server; its versions share
   * it, and so may several threads at a time.
   */
  cacheFolder(): string;
}

export const PLUGIN_LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type PluginLogLevel = (typeof PLUGIN_LOG_LEVELS)[number];

/** Writes lines to the server's log, with the kind and id of the plug-in. `fields` are structured clones. */
export type PluginLog = {
  readonly [Level in PluginLogLevel]: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
};

/** A line on its way to the server's log. */
export interface PluginLine {
  readonly kind: PluginKind;
  readonly id: string;
  readonly level: PluginLogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
