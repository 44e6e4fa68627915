import type { PluginEntry } from '../../core/ports/plugin-entry.js';
import { BUILTIN_PLUGINS } from '../../plugins/builtin/list.js';
import { listChecks, type PluginConformance } from '../../plugins/testing/list-checks.js';
import { PluginRegistry } from '../plugins/plugin-registry.js';

/** What becomes known as plug-ins are checked, in this order for each; `begin` before a check that may never end. */
export type CheckLine =
  | {
      readonly event: 'plugin';
      readonly kind: string;
      readonly id: string;
      readonly version: string;
      readonly summary: string;
    }
  | { readonly event: 'begin'; readonly check: string }
  | { readonly event: 'end'; readonly check: string; readonly failure?: string }
  | { readonly event: 'done' }
  /** They cannot be loaded, or not be tried. */
  | ({ readonly event: 'refused' } & Refusal);

/** `code` and `reason` are undefined for a fault that has no reason of its own. */
export interface Refusal {
  readonly message: string;
  readonly code?: string;
  readonly reason?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Runs the conformance kits over plug-ins, one after the other. */
export async function* checkPlugins(
  entries: readonly PluginEntry[],
  settings: PluginConformance,
): AsyncGenerator<CheckLine, void, undefined> {
  for (const entry of entries) {
    const { kind, id, version = '', summary } = entry.plugin;
    yield { event: 'plugin', kind, id, version, summary };
    const checks = [
      { name: JOINS, run: async () => void new PluginRegistry([...BUILTIN_PLUGINS, entry]) },
      ...listChecks(entry.plugin, settings),
    ];
    for (const { name, run } of checks) {
      yield { event: 'begin', check: name };
      const failure = await failureOf(run);
      yield { event: 'end', check: name, ...(failure !== undefined && { failure }) };
    }
  }
}

const JOINS = 'has an id of its own beside the built-in plug-ins, or overrides one of them';

async function failureOf(run: () => Promise<void>): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
