import { z } from 'zod';
import { PrunecastError } from '../core/errors/prunecast-error.js';
import type { Plugin } from '../core/ports/plugin-entry.js';
import { nameType } from '../core/ports/plugin-errors.js';
import { PLUGIN_API_VERSION, PLUGIN_KINDS, type PluginKind } from '../core/ports/plugin.js';

/**
 * Checks that a value is a plug-in: its manifest, the methods of its kind, and options that a list can describe.
 * Returns a copy with the object's own properties.
 *
 * @param place where the value is from, for the message
 * @throws PrunecastError PLUGIN_INVALID that names the place, the plug-in and each fault
 */
export function checkManifest(exported: unknown, place: string): Plugin {
  // A copy: methods of a class, which are not the object's own, would be lost later.
  const value: unknown = typeof exported === 'object' && exported !== null ? { ...exported } : exported;
  const { kind, id } = (value ?? {}) as { readonly kind?: unknown; readonly id?: unknown };
  const name = typeof id === 'string' ? `${String(kind)} "${id}"` : 'its default export';
  if (kind === undefined && id === undefined)
    throw new PrunecastError(
      'PLUGIN_INVALID',
      `${place}: its default export is no plug-in, but ${describeValue(exported)}: export as default what a define... function gives, or a list of such`,
      { metadata: { place } },
    );
  const parsed = MANIFEST.safeParse(value);
  const methods = FORMS[parsed.success ? parsed.data.kind : (kind as PluginKind)]?.safeParse(value);
  const issues = [...(parsed.error?.issues ?? []), ...(methods?.error?.issues ?? [])];
  if (issues.length === 0) return value as Plugin;
  const faults = issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`));
  throw new PrunecastError('PLUGIN_INVALID', `${place}: ${name} is no plug-in that can be used: ${faults.join('; ')}`, {
    metadata: { kind: String(kind), id: String(id), place },
  });
}

/**
 * JSON Schema of the options that a caller may send. Throws for a schema that is not Zod's, or that JSON cannot
 * express.
 */
export function describeOptions({ options }: Pick<Plugin, 'options'>): Readonly<Record<string, unknown>> {
  if (!(options instanceof z.ZodType)) throw new TypeError('is not a Zod schema (version 4)');
  return z.toJSONSchema(options, { io: 'input' }) as Record<string, unknown>;
}

function describeValue(value: unknown): string {
  if (value instanceof Promise) return 'a promise of something';
  if (Array.isArray(value)) return 'a list inside of a list';
  return typeof value === 'object' && value !== null ? 'an object without kind and id' : nameType(value);
}

const method = z.custom<unknown>((value) => typeof value === 'function', 'is not a function');

const options = z.unknown().superRefine((value, context) => {
  try {
    const { type = 'object' } = describeOptions({ options: value as Plugin['options'] });
    if (type === 'object') return;
    context.addIssue({ code: 'custom', message: `describes a value of type ${String(type)}: options are an object` });
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
  }
});

/** As many as a request may name one by. */
const MOST_ID_CHARACTERS = 128;

const MANIFEST = z.object({
  kind: z.enum(PLUGIN_KINDS, `is not one of ${PLUGIN_KINDS.join(', ')}: use the define... function of its kind`),
  apiVersion: z.literal(PLUGIN_API_VERSION, {
    error: ({ input }) =>
      `is ${String(input)}, and this server takes plug-ins of interface version ${PLUGIN_API_VERSION}: build the plug-in with the version of prunecast that runs it`,
  }),
  id: z
    .string()
    .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'is not kebab-case')
    .max(MOST_ID_CHARACTERS, {
      error: ({ input }) => `has ${String(input).length} characters, and at most ${MOST_ID_CHARACTERS} are allowed`,
    }),
  version: z.string().min(1).optional(),
  overrides: z.boolean().optional(),
  summary: z.string().min(1),
  options,
});

const bounds = z.object({ least: z.int().min(1), most: z.int().min(1) });

/** What each kind has beside its manifest. */
const FORMS: Readonly<Record<PluginKind, z.ZodType>> = {
  criterion: z.union(
    [
      z.object({
        needs: z.array(z.enum(['weights', 'activations', 'gram', 'gradients', 'block-io'])),
        score: method,
        scoringBytes: method.optional(),
        scoreModel: z.undefined().optional(),
      }),
      z.object({
        needs: z
          .array(z.enum(['checkpoint', 'sequences']))
          .refine((needs) => needs.includes('checkpoint'), 'has no checkpoint'),
        scoreModel: method,
        score: z.undefined().optional(),
      }),
    ],
    'needs score() and needs among weights, activations, gram, gradients and block-io; or scoreModel() and needs checkpoint, with sequences if it looks at the calibration text',
  ),
  compensation: z.object({
    needs: z.array(z.enum(['mean', 'gram'])),
    addsBias: z.boolean(),
    leavesWeights: z.literal(true).optional(),
    prepare: method,
    preparingBytes: method.optional(),
    stream: z.object({ option: z.string(), isAsked: method, ask: method, fit: method }).optional(),
  }),
  evaluator: z.object({
    metrics: z
      .array(
        z.object({
          name: z.string().regex(/^[a-z0-9]+(_[a-z0-9]+)*$/, 'is not snake_case'),
          better: z.enum(['lower', 'higher']),
          scale: z.enum(['log', 'linear']),
          mean: z.object({ of: z.string(), per: z.string() }).optional(),
          summary: z.string(),
        }),
      )
      .min(1),
    runsIn: z.enum(['worker', 'inline']).optional(),
    reads: z.enum(['text', 'rows', 'nothing']),
    folders: z.array(z.string()).optional(),
    plan: method,
    reduce: method,
    complete: method.optional(),
  }),
  predictor: z.union(
    [
      z.object({ pairs: bounds, compare: method }),
      z.object({
        pairs: bounds,
        runsIn: z.enum(['worker', 'process']),
        learns: z.enum(['here', 'elsewhere']).optional(),
        fit: method,
        load: method,
        files: method.optional(),
      }),
    ],
    'needs pairs {least, most} with runsIn (worker or process), fit() and load(), or with compare()',
  ),
  strategy: z.object({ objectives: z.enum(['one', 'any']), start: method }),
  exporter: z.object({ supports: method, restrict: method.optional(), refuses: method.optional(), write: method }),
  recovery: z.object({ plan: method }),
};
