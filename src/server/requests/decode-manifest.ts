import { z } from 'zod';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture } from '../../core/model/shape.js';
import { packUnits } from '../../core/model/unit-bitmap.js';
import type { KeptUnits } from '../../core/model/units.js';
import { MANIFEST, MOST_UNITS } from './manifest-schema.js';

/** Kept units, and in manifests of versions before the first release the list of them. */
const units = z.unknown().transform((value, context) => {
  const parsed = (Array.isArray(value) ? listed : packed).safeParse(value);
  if (parsed.success) return parsed.data;
  for (const { message, path } of parsed.error.issues) context.addIssue({ code: 'custom', message, path: [...path] });
  return z.NEVER;
});
const listed = z.array(z.int().min(0)).max(MOST_UNITS);
const packed = MANIFEST.shape.kept_units.element.shape.kv_groups;

const schema = z.object({
  recipe: z
    .object({ compensation: z.object({ id: z.string() }).loose() })
    .loose()
    .nullish(),
  recovery: z.unknown().optional(),
  kept_units: z
    .array(z.object({ kv_groups: units, query_heads: units, ffn_channels: units }))
    .min(1)
    .max(10_000),
});

const recipeSchema = MANIFEST.shape.recipe.unwrap();

/** The recipe that compensated an output, as its prunecast.json has it. */
export type ManifestRecipe = z.output<typeof recipeSchema>;

/** What a prunecast.json says about the kept units. */
export interface ManifestSelection {
  readonly keptUnits: KeptUnits;
  /** undefined if the kept weights are those of the source: then the units say everything. */
  readonly recipe: ManifestRecipe | undefined;
  /** Whether its weights were trained, which their units and recipe do not say. */
  readonly trained: boolean;
}

/**
 * The kept units that a prunecast.json names, the recipe if it compensated them, and whether they were trained.
 *
 * @param field the manifest's path in the request
 * @throws PrunecastError INVALID_REQUEST naming the field at fault
 */
export function parseManifest(manifest: unknown, field: string): ManifestSelection {
  const { recipe, kept_units, recovery } = parse(schema, manifest, field);
  const compensated = recipe !== undefined && recipe !== null && recipe.compensation.id !== 'none';
  return {
    keptUnits: kept_units.map(({ kv_groups, query_heads, ffn_channels }) => ({
      kvGroups: kv_groups,
      queryHeads: query_heads,
      ffnChannels: ffn_channels,
    })),
    recipe: compensated ? parse(recipeSchema, recipe, `${field}.recipe`) : undefined,
    trained: recovery !== undefined && recovery !== null,
  };
}

function parse<Schema extends z.ZodType>(wanted: Schema, value: unknown, field: string): z.output<Schema> {
  const parsed = wanted.safeParse(value);
  if (parsed.success) return parsed.data;
  const violations = parsed.error.issues.map(({ path, message }) => ({
    field: [field, ...path].join('.'),
    description: message,
  }));
  throw new PrunecastError(
    'INVALID_REQUEST',
    `${field} does not have the form of a prunecast.json: ${violations.map((v) => `${v.field}: ${v.description}`).join('; ')}`,
    { violations },
  );
}

/**
 * The form in which a prunecast.json names kept units.
 *
 * @param own the unpruned architecture
 */
export function describeKeptUnits(kept: KeptUnits, own: Architecture): readonly Record<string, PackedUnits>[] {
  return kept.map(({ kvGroups, queryHeads, ffnChannels }, index) => {
    const dense = own[index];
    if (dense === undefined) throw new RangeError(`the model has no layer ${index}`);
    return {
      kv_groups: pack(kvGroups, dense.kvHeads),
      query_heads: pack(queryHeads, dense.kvHeads * dense.queryHeadsPerKv),
      ffn_channels: pack(ffnChannels, dense.ffnChannels),
    };
  });
}

type PackedUnits = z.input<typeof packed>;

function pack(units: readonly number[], size: number): PackedUnits {
  return { kept: units.length, of: size, bitmap: Buffer.from(packUnits(units, size)).toString('base64') };
}
