import { z } from 'zod';
import { PrunecastError, type FieldViolation } from '../../core/errors/prunecast-error.js';
import type { PredictorChooser } from '../../core/ports/predictor.js';
import type { OptionsIssue, PluginKind } from '../../core/ports/plugin.js';
import type { PluginRef } from '../../gen/prunecast/v1/common.js';
import type { PluginEntry, PluginsByKind } from '../../plugins/plugin-entry.js';

/** A plug-in as a request asked for it. */
export interface ResolvedPlugin<Kind extends PluginKind> {
  readonly id: string;
  readonly plugin: PluginsByKind[Kind];
  /** Complete: defaults filled in. What the plug-in's own methods take. */
  readonly options: unknown;
  readonly moduleUrl: URL;
}

/** What a list says of a plug-in. */
export interface ListedPlugin {
  readonly kind: PluginKind;
  readonly id: string;
  readonly version: string;
  readonly summary: string;
  /** JSON Schema of the options that a caller may send. */
  readonly optionsSchema: Readonly<Record<string, unknown>>;
  /** `inline`, `worker` or `process`. */
  readonly runsIn: string;
}

/** All plug-ins of a server, by kind and id. */
export class PluginRegistry {
  readonly #entries: readonly PluginEntry[];

  /** Throws when two plug-ins of a kind have one id: a fault of whoever put the server together. */
  constructor(entries: readonly PluginEntry[]) {
    this.#entries = entries.toSorted((a, b) => compare(`${a.kind} ${a.plugin.id}`, `${b.kind} ${b.plugin.id}`));
    for (const [index, entry] of this.#entries.entries()) {
      const before = this.#entries[index - 1];
      if (before?.kind === entry.kind && before.plugin.id === entry.plugin.id)
        throw new Error(`two plug-ins of kind ${entry.kind} have the id "${entry.plugin.id}"`);
    }
  }

  /**
   * The plug-in that a request names, its options checked and complete.
   *
   * @param ref undefined, or with an empty id, for the default
   * @param fieldPath where `ref` stands in the request: `recipe.criterion`
   * Throws PLUGIN_NOT_FOUND, and INVALID_OPTIONS with a path for each field at fault: `predictor.options.depth`.
   */
  resolve<Kind extends PluginKind>(
    kind: Kind,
    ref: PluginRef | undefined,
    defaultId: string,
    fieldPath: string,
  ): ResolvedPlugin<Kind> {
    const id = ref?.id || defaultId;
    const entry = this.all(kind).find(({ plugin }) => plugin.id === id);
    if (!entry) {
      const known = this.#entries
        .filter((other) => other.kind === kind)
        .map(({ plugin }) => plugin.id)
        .join(', ');
      throw new PrunecastError(
        'PLUGIN_NOT_FOUND',
        `${fieldPath}: no ${kind} has the id "${id}": there are ${known || 'none'}`,
        {
          metadata: { kind, id, known },
          violations: [{ field: `${fieldPath}.id`, description: `"${id}" is not one of ${known || 'none'}` }],
        },
      );
    }
    const parsed = entry.plugin.options.safeParse(ref?.options ?? {});
    if (!parsed.success) {
      const violations = parsed.error.issues.flatMap((issue) => violationsOf(issue, `${fieldPath}.options`));
      throw new PrunecastError(
        'INVALID_OPTIONS',
        `options of ${kind} "${id}": ${violations.map(({ field, description }) => `${field}: ${description}`).join('; ')}`,
        {
          metadata: { kind, id },
          violations,
        },
      );
    }
    return { id, plugin: entry.plugin, options: parsed.data, moduleUrl: entry.moduleUrl };
  }

  /** All plug-ins of a kind, by id. */
  all<Kind extends PluginKind>(kind: Kind): PluginEntry<Kind>[] {
    return this.#entries.filter((entry): entry is PluginEntry<Kind> & PluginEntry => entry.kind === kind);
  }

  /** Plug-ins by kind and id; of one kind, or of all when it is undefined. */
  list(kind?: PluginKind): ListedPlugin[] {
    return this.#entries
      .filter((entry) => kind === undefined || entry.kind === kind)
      .map((entry) => ({
        kind: entry.kind,
        id: entry.plugin.id,
        version: entry.version,
        summary: entry.plugin.summary,
        optionsSchema: schemaOf(entry),
        runsIn: entry.kind === 'predictor' && !isChooser(entry.plugin) ? entry.plugin.runsIn : RUNS_IN[entry.kind],
      }));
  }
}

/** Where plug-ins of a kind run whose own word does not count. */
const RUNS_IN = {
  criterion: 'worker',
  compensation: 'worker',
  predictor: 'worker',
  exporter: 'worker',
  evaluator: 'inline',
  strategy: 'inline',
} as const satisfies Record<PluginKind, string>;

/** Whether it stands for the best of the others. */
export function isChooser(plugin: PluginsByKind['predictor']): plugin is PredictorChooser {
  return 'compare' in plugin;
}

function schemaOf({ kind, plugin }: PluginEntry): Record<string, unknown> {
  if (!(plugin.options instanceof z.ZodType))
    throw new Error(`the options of ${kind} "${plugin.id}" are not a Zod schema`);
  return z.toJSONSchema(plugin.options, { io: 'input' }) as Record<string, unknown>;
}

/** Unknown keys are listed by name, each with its own path; Zod reports them on the object that has them. */
function violationsOf(issue: OptionsIssue, prefix: string): FieldViolation[] {
  const path = [prefix, ...issue.path.map(String)];
  const keys = 'keys' in issue && Array.isArray(issue.keys) ? issue.keys.map(String) : [];
  if (keys.length === 0) return [{ field: path.join('.'), description: issue.message }];
  return keys.map((key) => ({ field: [...path, key].join('.'), description: 'no such option' }));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
