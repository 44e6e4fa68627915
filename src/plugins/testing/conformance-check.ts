import { deepStrictEqual, ok } from 'node:assert/strict';
import type { Plugin } from '../../core/ports/plugin-entry.js';
import type { OptionsIssue, OptionsSchema } from '../../core/ports/plugin.js';
import { checkManifest, describeOptions } from '../../plugin-host/check-manifest.js';

/** One thing that must hold for a plug-in. `run` throws if it does not: an AssertionError, or what the plug-in threw. */
export interface ConformanceCheck {
  /** A sentence about its behaviour, for `it`. */
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** What every kit can be told. */
export interface ConformanceSettings {
  /** Options as a caller sends them. @default none, so that the schema's own defaults are tried */
  readonly options?: unknown;
}

/** A check that makes sense for some plug-ins only. */
export type ConditionalCheck = ConformanceCheck & { readonly when?: boolean };

/** Those that make sense. */
export function selectChecks(checks: readonly ConditionalCheck[]): readonly ConformanceCheck[] {
  return checks.flatMap(({ when = true, name, run }) => (when ? [{ name, run }] : []));
}

/** What every kit begins with: the manifest and the options. */
export function listManifestChecks(
  plugin: Pick<Plugin, 'options'>,
  { options }: ConformanceSettings,
): readonly ConformanceCheck[] {
  const schema = plugin.options;
  return [
    {
      name: 'is a plug-in that servers accept: manifest, methods, and options that can be listed',
      run: async () => void checkManifest(plugin, 'this plug-in'),
    },
    {
      name:
        options === undefined
          ? 'needs no options, and refuses an unknown one by its name'
          : 'takes the given options, and refuses an unknown one by its name',
      run: async () => {
        ok(
          schema.safeParse(options ?? {}).success,
          'the options do not match the schema; without any, each needs a default',
        );
        const issues = issuesOf(schema, { ...(options as object | undefined), [UNKNOWN]: 1 });
        ok(issues.length > 0, 'an unknown option must be refused: use z.strictObject');
        ok(
          issues.some((issue) => JSON.stringify(issue).includes(UNKNOWN)),
          'the error about an unknown option must name it',
        );
      },
    },
    {
      name: 'describes each option, and names the option at fault',
      run: async () => {
        for (const [name, { description }] of Object.entries(propertiesOf(plugin))) {
          ok(description !== undefined && description !== '', `the option ${name} has no description: use .describe()`);
          for (const value of WRONG_VALUES) {
            const issues = issuesOf(schema, { ...(options as object | undefined), [name]: value });
            ok(
              issues.length === 0 || issues.some(({ path }) => path[0] === name),
              `the error about ${name}: ${JSON.stringify(value)} has not the path of the option`,
            );
          }
        }
      },
    },
  ];
}

/** The options with defaults filled in. */
export function completeOptions<Options>(
  schema: OptionsSchema<Options>,
  { options = {} }: ConformanceSettings,
): Options {
  const parsed = schema.safeParse(options);
  ok(
    parsed.success,
    'the options do not match the schema; an option without a default has to be given (the setting `options` of the kit)',
  );
  return parsed.data;
}

/** Throws an AssertionError that says which number of what is not finite. */
export function requireFinite(values: ArrayLike<number>, what: string): void {
  for (let index = 0; index < values.length; index++)
    ok(Number.isFinite(values[index]), `${what} has ${values[index]} at place ${index}; every number must be finite`);
}

/** Checks that work which a signal ends does so in time: with the signal's reason, or because it was done. */
export async function requireAborted(work: (signal: AbortSignal) => Promise<unknown>): Promise<'aborted' | 'done'> {
  const reason = new Error('cancelled by the check');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`goes on ${ABORT_MS / 1000} s after it was cancelled`)), ABORT_MS);
  });
  try {
    await Promise.race([work(AbortSignal.abort(reason)), late]);
    return 'done';
  } catch (error) {
    deepStrictEqual(error, reason, `a cancelled call must fail with the signal's reason, not with: ${String(error)}`);
    return 'aborted';
  } finally {
    clearTimeout(timer);
  }
}

/** As `WorkContext.signal` promises. */
const ABORT_MS = 2_000;

const UNKNOWN = 'no_such_option';

/** At least one of them is wrong for any option that does not take everything. */
const WRONG_VALUES: readonly unknown[] = [null, '\u0000 no such value', -1e300, true, [[]], { [UNKNOWN]: 1 }];

function issuesOf(schema: OptionsSchema<unknown>, options: unknown): readonly OptionsIssue[] {
  const parsed = schema.safeParse(options);
  return parsed.success ? [] : parsed.error.issues;
}

function propertiesOf(plugin: Pick<Plugin, 'options'>): Readonly<Record<string, { readonly description?: string }>> {
  const { properties = {} } = describeOptions(plugin) as {
    readonly properties?: Readonly<Record<string, { readonly description?: string }>>;
  };
  return properties;
}
