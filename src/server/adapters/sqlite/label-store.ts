import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql, type Kysely } from 'kysely';
import { readStored } from '../../../core/errors/read-stored.js';
import type { ItemColumns } from '../../../core/metric.js';
import type { Label, LabelKey, LabelRecord, LabelStore } from '../../../core/ports/label-store.js';
import { metricsFromJson, numbersBlob, toJson } from './columns.js';
import type { Schema } from './schema.js';

/**
 * Labels that are read before others get a turn: libsql holds the event loop while it reads, about 50 microseconds per
 * label.
 */
const LABELS_PER_TURN = 100;

export function createLabelStore(database: Kysely<Schema>): LabelStore {
  return {
    // On one connection: two thousand queries that each wait for it would wake each other up.
    getMany: (keys) =>
      database.connection().execute(async (connection) => {
        const labels: (Label | undefined)[] = [];
        for (const [index, key] of keys.entries()) {
          if (index > 0 && index % LABELS_PER_TURN === 0) await nextTurn();
          labels.push(await selectLabel(connection, key));
        }
        return labels;
      }),
  };
}

export async function insertLabel(database: Kysely<Schema>, { key, label }: LabelRecord): Promise<void> {
  const measured = {
    metrics: toJson(label.metrics),
    columns: JSON.stringify(Object.keys(label.items)),
    items: numbersBlob(Float64Array.from(Object.values(label.items).flatMap((values) => [...values]))),
    tokens_spent: label.tokensSpent,
  };
  await database
    .insertInto('labels')
    .values({
      checkpoint_digest: key.checkpointDigest,
      measurement_fingerprint: key.measurementFingerprint,
      fidelity_digest: key.fidelityDigest,
      recipe_digest: key.recipeDigest,
      architecture_key: key.architectureKey,
      ...measured,
      stored_ms: sql<number>`unixepoch() * 1000`,
    })
    .onConflict((conflict) =>
      conflict
        .columns([
          'checkpoint_digest',
          'measurement_fingerprint',
          'fidelity_digest',
          'recipe_digest',
          'architecture_key',
        ])
        .doUpdateSet(measured)
        .where(sql`(SELECT count(*) FROM json_each(labels.metrics))`, '<', Object.keys(label.metrics).length),
    )
    .execute();
}

async function selectLabel(database: Kysely<Schema>, key: LabelKey): Promise<Label | undefined> {
  const row = await database
    .selectFrom('labels')
    .select(['metrics', 'columns', 'items', 'tokens_spent'])
    .where('checkpoint_digest', '=', key.checkpointDigest)
    .where('measurement_fingerprint', '=', key.measurementFingerprint)
    .where('fidelity_digest', '=', key.fidelityDigest)
    .where('recipe_digest', '=', key.recipeDigest)
    .where('architecture_key', '=', key.architectureKey)
    .executeTakeFirst();
  return (
    row &&
    readStored(
      `the label of ${key.architectureKey} under the recipe "${key.recipeDigest}" and the measurement ${key.measurementFingerprint}`,
      () => ({
        metrics: metricsFromJson(row.metrics),
        items: readColumns(JSON.parse(row.columns) as string[], new Float64Array(row.items)),
        tokensSpent: row.tokens_spent,
      }),
    )
  );
}

/** Columns that lie one after the other. Throws RangeError if they are not of one length. */
function readColumns(names: readonly string[], values: Float64Array): ItemColumns {
  const items = names.length === 0 ? 0 : values.length / names.length;
  if (!Number.isInteger(items)) throw new RangeError(`${values.length} numbers do not make ${names.length} columns`);
  return Object.fromEntries(names.map((name, index) => [name, values.slice(index * items, (index + 1) * items)]));
}
