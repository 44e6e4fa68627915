import { z } from 'zod';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { KeptUnits } from '../../core/model/units.js';

const units = z.array(z.int().min(0)).max(1_000_000);

const schema = z.object({
  recipe: z.object({ compensation: z.object({ id: z.string() }) }).nullish(),
  kept_units: z.array(z.object({ kv_groups: units, query_heads: units, ffn_channels: units })).min(1).max(10_000),
});

/**
 * The kept units that a prunecast.json names.
 *
 * @param field the manifest's path in the request
 * @throws PrunecastError INVALID_REQUEST naming the field at fault, NOT_IMPLEMENTED where the weights were mended too
 */
export function parseManifestUnits(manifest: unknown, field: string): KeptUnits {
  const parsed = schema.safeParse(manifest);
  if (!parsed.success) {
    const violations = parsed.error.issues.map(({ path, message }) => ({ field: [field, ...path].join('.'), description: message }));
    throw new PrunecastError('INVALID_REQUEST', `${field} is not the contents of a prunecast.json: ${violations.map((v) => `${v.field}: ${v.description}`).join('; ')}`, { violations });
  }
  const mended = parsed.data.recipe?.compensation.id ?? 'none';
  if (mended !== 'none') {
    throw new PrunecastError('NOT_IMPLEMENTED', `${field}: the weights of this output were mended by ${mended}, which its units alone do not bring back: name the output itself as the model, or send the recipe with the architecture`);
  }
  return parsed.data.kept_units.map(({ kv_groups, query_heads, ffn_channels }) => ({ kvGroups: kv_groups, queryHeads: query_heads, ffnChannels: ffn_channels }));
}

/** The form in which a prunecast.json names kept units. */
export function describeKeptUnits(kept: KeptUnits): readonly Record<string, readonly number[]>[] {
  return kept.map(({ kvGroups, queryHeads, ffnChannels }) => ({ kv_groups: kvGroups, query_heads: queryHeads, ffn_channels: ffnChannels }));
}
