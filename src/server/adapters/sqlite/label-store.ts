import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql, type Kysely } from 'kysely';
import { readStored } from '../../../core/errors/read-stored.js';
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
    window_losses: numbersBlob(label.windowLosses),
    window_hits: label.windowHits === undefined ? null : numbersBlob(label.windowHits),
    window_tokens: numbersBlob(label.windowTokens),
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
    .select(['metrics', 'window_losses', 'window_hits', 'window_tokens', 'tokens_spent'])
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
        windowLosses: new Float64Array(row.window_losses),
        ...(row.window_hits === null ? {} : { windowHits: new Int32Array(row.window_hits) }),
        windowTokens: new Int32Array(row.window_tokens),
        tokensSpent: row.tokens_spent,
      }),
    )
  );
}
