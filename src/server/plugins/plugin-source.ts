import type { PluginEntry } from '../../core/ports/plugin-entry.js';

/** Where the plug-ins of a server come from. */
export interface PluginSource {
  /** All of them; called once, when the server starts. An error keeps it from starting. */
  load(): Promise<readonly PluginEntry[]>;
}
