import { didYouMean } from '../../core/errors/nearest.js';
import { PrunecastError, type FieldViolation } from '../../core/errors/prunecast-error.js';
import type { Plugin, PluginEntry } from '../../core/ports/plugin-entry.js';
import type { OptionsIssue, PluginHostAddress, PluginKind } from '../../core/ports/plugin.js';
import { describeOptions } from '../../plugin-host/check-manifest.js';
import { guardPlugin } from '../../plugin-host/guards/guard-plugin.js';
import { withVersion } from '../../plugin-host/import-plugins.js';
import { openHost } from '../../plugin-host/context/plugin-context.js';
import { BUILTIN_PLUGINS } from '../../plugins/builtin/list.js';
import { INLINE_CALL_LIMIT_MS } from '../config/limits.js';
import { reduceInThread } from './reduce-in-thread.js';
import type { PluginRef } from '../../gen/prunecast/v1/common.js';
import type { PluginLookup, ResolvedPlugin } from '../requests/plugin-lookup.js';

/** A plug-in in a list. */
export interface ListedPlugin {
  readonly kind: PluginKind;
  readonly id: string;
  readonly version: string;
  readonly summary: string;
  /** JSON Schema of the options that a caller may send. */
  readonly optionsSchema: Readonly<Record<string, unknown>>;
  /** `inline`, `worker`, `process`, or how the plug-in's own process is named: `unix:/run/knn.sock`, `exec:python knn.py`. */
  readonly runsIn: string;
}

/**
 * All plug-ins of a server, by kind and id. Every call of what it hands out is checked. A synchronous call of a plug-in
 * from outside may take `INLINE_CALL_LIMIT_MS`: it runs in the thread that answers all callers.
 */
export class PluginRegistry implements PluginLookup {
  readonly #entries: readonly PluginEntry[];
  readonly #schemas: ReadonlyMap<Plugin, () => Readonly<Record<string, unknown>>>;

  /**
   * @param host what their contexts lead to; undefined without a server
   * @throws PrunecastError PLUGIN_INVALID if two plug-ins of a kind have the same id, and not exactly one of them
   * overrides the other
   */
  constructor(entries: readonly PluginEntry[], host?: PluginHostAddress) {
    const chosen = chooseEntries(entries).map(({ plugin, moduleUrl }) => {
      const hosted = { ...withVersion(plugin, moduleUrl.href), ...(host !== undefined && { host }) };
      const limit = { limitMs: BUILT_IN.has(plugin) ? undefined : INLINE_CALL_LIMIT_MS };
      const guarded = guardPlugin(hosted, limit, openHost(host));
      const isApart = guarded.kind === 'evaluator' && guarded.runsIn !== 'inline';
      const entry = { plugin: isApart ? reduceInThread(guarded, moduleUrl) : guarded, moduleUrl };
      return { entry, describe: () => describeOptions(plugin) };
    });
    this.#entries = chosen.map(({ entry }) => entry);
    this.#schemas = new Map(chosen.map(({ entry, describe }) => [entry.plugin, describe]));
  }

  /** As `PluginLookup.resolve`. */
  resolve<Kind extends PluginKind>(
    kind: Kind,
    ref: PluginRef | undefined,
    defaultId: string,
    fieldPath: string,
  ): ResolvedPlugin<Kind> {
    const id = ref?.id || defaultId;
    const entry = this.all(kind).find(({ plugin }) => plugin.id === id);
    if (!entry) {
      const ids = this.all(kind).map(({ plugin }) => plugin.id);
      const known = ids.join(', ');
      const field = `${fieldPath}.id`;
      const description = `no ${kind} has the id "${id}": there are ${known || 'none'}${didYouMean(id, ids)}`;
      throw new PrunecastError('PLUGIN_NOT_FOUND', `${field}: ${description}`, {
        metadata: { kind, id, known },
        violations: [{ field, description }],
      });
    }
    const parsed = entry.plugin.options.safeParse(ref?.options ?? {});
    if (!parsed.success) {
      const violations = parsed.error.issues.flatMap((issue) =>
        violationsOf(issue, ref?.options, this.#schemas.get(entry.plugin)?.(), `${fieldPath}.options`),
      );
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
    return this.#entries.filter((entry): entry is PluginEntry<Kind> => entry.plugin.kind === kind);
  }

  /** As `PluginLookup.schemaOf`. */
  schemaOf(plugin: Plugin): Readonly<Record<string, unknown>> {
    return this.#schemas.get(plugin)?.() ?? {};
  }

  /** Plug-ins by kind and id; of one kind, or of all when it is undefined. */
  list(kind?: PluginKind): ListedPlugin[] {
    return this.#entries
      .map(({ plugin }) => plugin)
      .filter((plugin) => kind === undefined || plugin.kind === kind)
      .map((plugin) => ({
        kind: plugin.kind,
        id: plugin.id,
        version: plugin.version ?? '',
        summary: plugin.summary,
        optionsSchema: this.schemaOf(plugin),
        runsIn: plugin.address ?? ('runsIn' in plugin ? plugin.runsIn : undefined) ?? RUNS_IN[plugin.kind],
      }));
  }
}

/**
 * They come to an end, though not always within the limit: `nsga2` draws 128 children of an 80-layer model in seconds.
 */
const BUILT_IN: ReadonlySet<Plugin> = new Set(BUILTIN_PLUGINS.map(({ plugin }) => plugin));

/** Where the plug-ins of a kind run, if they do not say it themselves. */
const RUNS_IN = {
  criterion: 'worker',
  compensation: 'worker',
  predictor: 'worker',
  exporter: 'worker',
  evaluator: 'worker',
  strategy: 'inline',
  recovery: 'inline',
} as const satisfies Record<PluginKind, string>;

/** One entry per kind and id, sorted; of two with the same, the one that overrides the other. */
function chooseEntries(entries: readonly PluginEntry[]): PluginEntry[] {
  const byName = new Map<string, PluginEntry[]>();
  for (const entry of entries.toSorted((a, b) => compare(nameOf(a), nameOf(b))))
    byName.set(nameOf(entry), [...(byName.get(nameOf(entry)) ?? []), entry]);
  return [...byName.values()].map((rivals) => {
    const overriding = rivals.filter(({ plugin }) => plugin.overrides === true);
    const [first, second, third] = rivals;
    const chosen = second === undefined ? first : overriding[0];
    if (chosen === undefined || overriding.length > 1 || third !== undefined)
      throw invalidEntry(
        chosen ?? (rivals[0] as PluginEntry),
        `is there ${rivals.length} times, in ${rivals.map(placeOf).join(' and in ')}: take one out, give it another id, or let one override the other (overrides: true)`,
      );
    if (second === undefined && overriding.length > 0)
      throw invalidEntry(
        chosen,
        `of ${placeOf(chosen)} overrides nothing: there is no other plug-in of this kind and id`,
      );
    return chosen;
  });
}

function nameOf({ plugin: { kind, id } }: PluginEntry): string {
  return `${kind} "${id}"`;
}

/** Its module, or its process. */
function placeOf({ plugin, moduleUrl }: PluginEntry): string {
  return plugin.address ?? moduleUrl.href;
}

function invalidEntry(entry: PluginEntry, fault: string): PrunecastError {
  const { kind, id } = entry.plugin;
  return new PrunecastError('PLUGIN_INVALID', `${nameOf(entry)} ${fault}`, { metadata: { kind, id } });
}

/**
 * Unknown keys are listed by name, each with its own path and the nearest that there is; Zod reports them on their
 * object.
 *
 * @param options what was given
 * @param schema JSON Schema of what may be
 */
function violationsOf(issue: OptionsIssue, options: unknown, schema: unknown, prefix: string): FieldViolation[] {
  const path = [prefix, ...issue.path.map(String)];
  const keys = 'keys' in issue && Array.isArray(issue.keys) ? issue.keys.map(String) : [];
  if (keys.length > 0) {
    const known = Object.keys(
      valueAt(schema, issue.path.flatMap((key) => ['properties', key]).concat('properties')) ?? {},
    );
    return keys.map((key) => ({
      field: [...path, key].join('.'),
      description: `no such option; there are ${known.join(', ') || 'none'}${didYouMean(key, known)}`,
    }));
  }
  const given = valueAt(options, issue.path);
  const allowed = 'values' in issue && Array.isArray(issue.values) ? issue.values.map(String) : [];
  const suggestion = typeof given === 'string' ? didYouMean(given, allowed) : '';
  return [{ field: path.join('.'), description: `${describeIssue(issue)}${suggestion}` }];
}

/** Of a union Zod says only that nothing of it fits: here each form says why, once. */
function describeIssue(issue: OptionsIssue): string {
  const forms = 'errors' in issue && Array.isArray(issue.errors) ? (issue.errors as readonly OptionsIssue[][]) : [];
  const faults = forms.flat().map((inner) => [...inner.path.map(String), describeIssue(inner)].join(': '));
  return [...new Set(faults)].join(', or ') || issue.message;
}

/** What lies at a path of keys in plain data; undefined if there is nothing. */
function valueAt(data: unknown, path: readonly PropertyKey[]): object | string | undefined {
  let value = data as object | string | undefined;
  for (const key of path)
    value = typeof value === 'object' && value !== null ? (value as Record<PropertyKey, typeof value>)[key] : undefined;
  return value;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
