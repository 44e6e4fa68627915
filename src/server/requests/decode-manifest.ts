import { z } from 'zod';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture } from '../../core/model/shape.js';
import { packUnits, unpackUnits } from '../../core/model/unit-bitmap.js';
import type { KeptUnits } from '../../core/model/units.js';

/** More than any layer has of one kind. */
const MOST_UNITS = 1_048_576;

/**
 * A kind of units as this version writes it: how many are kept of how many, and the bitmap of `packUnits` in base64.
 */
const packed = z
  .object({ kept: z.int().min(0), of: z.int().min(0).max(MOST_UNITS), bitmap: z.base64() })
  .transform(({ kept, of, bitmap }, context) => {
    const bytes = Buffer.from(bitmap, 'base64');
    const units = unpackUnits(bytes);
    if (bytes.length === Math.ceil(of / 8) && units.length === kept && (units.at(-1) ?? -1) < of) return units;
    context.addIssue(
      `is not a bitmap of ${kept} units out of ${of}: it has ${bytes.length} bytes and ${units.length} units`,
    );
    return z.NEVER;
  });

/** The same in manifests of earlier versions: the list of kept units. */
const listed = z.array(z.int().min(0)).max(MOST_UNITS);

const units = z.unknown().transform((value, context) => {
  const parsed = (Array.isArray(value) ? listed : packed).safeParse(value);
  if (parsed.success) return parsed.data;
  for (const { message, path } of parsed.error.issues) context.addIssue({ code: 'custom', message, path: [...path] });
  return z.NEVER;
});

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
  streamCalibration: z.object({ sequences: z.int() }).optional(),
  calibration_text: z.object({ path: z.string().nullable(), part: z.object({ from: share, to: share }) }),
  seed: z.int(),
});

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
