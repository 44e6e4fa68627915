import { z } from 'zod';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { KeptUnits } from '../../core/model/units.js';

const units = z.array(z.int().min(0)).max(1_000_000);

const plugin = z.object({ id: z.string(), options: z.record(z.string(), z.unknown()) });
const share = z.number().min(0).max(1);

const recipeSchema = z.object({
  digest: z.string(),
  criterion: plugin,
  compensation: plugin,
  calibration: z.object({
    textDigest: z.string(),
    sequences: z.int(),
    sequenceTokens: z.int(),
    bos: z.boolean(),
    bosToken: z.int().optional(),
  }),
  calibration_text: z.object({ path: z.string().nullable(), part: z.object({ from: share, to: share }) }),
  seed: z.int(),
});

const schema = z.object({
  recipe: z
    .object({ compensation: z.object({ id: z.string() }).loose() })
    .loose()
    .nullish(),
  kept_units: z
    .array(z.object({ kv_groups: units, query_heads: units, ffn_channels: units }))
    .min(1)
    .max(10_000),
});

/** The recipe that mended an output, as its prunecast.json has it. */
export type ManifestRecipe = z.output<typeof recipeSchema>;

/** What a prunecast.json says of what stays. */
export interface ManifestSelection {
  readonly keptUnits: KeptUnits;
  /** undefined where the kept weights are those of the source: the units say all. */
  readonly recipe: ManifestRecipe | undefined;
}

/**
 * The kept units that a prunecast.json names, and the recipe where it mended them.
 *
 * @param field the manifest's path in the request
 * @throws PrunecastError INVALID_REQUEST naming the field at fault
 */
export function parseManifest(manifest: unknown, field: string): ManifestSelection {
  const { recipe, kept_units } = parse(schema, manifest, field);
  const mended = recipe !== undefined && recipe !== null && recipe.compensation.id !== 'none';
  return {
    keptUnits: kept_units.map(({ kv_groups, query_heads, ffn_channels }) => ({
      kvGroups: kv_groups,
      queryHeads: query_heads,
      ffnChannels: ffn_channels,
    })),
    recipe: mended ? parse(recipeSchema, recipe, `${field}.recipe`) : undefined,
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
    `${field} is not that of a prunecast.json: ${violations.map((v) => `${v.field}: ${v.description}`).join('; ')}`,
    { violations },
  );
}

/** The form in which a prunecast.json names kept units. */
export function describeKeptUnits(kept: KeptUnits): readonly Record<string, readonly number[]>[] {
  return kept.map(({ kvGroups, queryHeads, ffnChannels }) => ({
    kv_groups: kvGroups,
    query_heads: queryHeads,
    ffn_channels: ffnChannels,
  }));
}
