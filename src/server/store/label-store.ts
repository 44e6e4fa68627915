import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql, type Kysely } from 'kysely';
import type { Label } from '../../core/ports/label-queue.js';
import { fromJson, toJson } from './metrics-json.js';
import { float64Blob, float64Values, int32Blob, int32Values } from './blobs.js';
import { readStored } from './read-stored.js';
import type { Schema } from './schema.js';
import type { StoreWrite } from './store-write.js';

/** What a label is the label of. Each part is a digest or, for the architecture, its key. */
export interface LabelKey {
  readonly checkpointDigest: string;
  readonly measurementFingerprint: string;
  readonly fidelityDigest: string;
  /** `none` for the dense architecture. */
  readonly recipeDigest: string;
  readonly architectureKey: string;
}

/** Labels, shared by all studies of a server: each is paid once. */
export interface LabelStore {
  /** Undefined when it was never measured. */
  get(key: LabelKey): Promise<Label | undefined>;
  /** In the order of `keys`. */
  getMany(keys: readonly LabelKey[]): Promise<(Label | undefined)[]>;
  /** Stores a label unless one with as many metrics is there already: the first one stays. Returns whether this one was stored. */
  put(key: LabelKey, label: Label): Promise<boolean>;
  /** The same as part of a larger transaction. */
  putting(key: LabelKey, label: Label): StoreWrite;
}

/** Labels that are read before others get a turn: libsql holds the event loop while it reads, some 50 microseconds each. */
const LABELS_A_TURN = 100;

export function createLabelStore(database: Kysely<Schema>): LabelStore {
  return {
    get: (key) => selectLabel(database, key),
    // On one connection: two thousand queries that each wait for it would wake each other up.
    getMany: (keys) =>
      database.connection().execute(async (connection) => {
        const labels: (Label | undefined)[] = [];
        for (const [index, key] of keys.entries()) {
          if (index > 0 && index % LABELS_A_TURN === 0) await nextTurn();
          labels.push(await selectLabel(connection, key));
        }
        return labels;
      }),
    put: (key, label) => insertLabel(database, key, label),
    putting: (key, label) => async (transaction) => void (await insertLabel(transaction, key, label)),
  };
}

async function insertLabel(database: Kysely<Schema>, key: LabelKey, label: Label): Promise<boolean> {
  const measured = {
    metrics: toJson(label.metrics),
    window_losses: float64Blob(label.windowLosses),
    window_hits: label.windowHits === undefined ? null : int32Blob(label.windowHits),
    window_tokens: int32Blob(label.windowTokens),
    tokens_spent: label.tokensSpent,
  };
  const result = await database
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
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
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
        metrics: fromJson(row.metrics),
        windowLosses: float64Values(row.window_losses),
        ...(row.window_hits === null ? {} : { windowHits: int32Values(row.window_hits) }),
        windowTokens: int32Values(row.window_tokens),
        tokensSpent: row.tokens_spent,
      }),
    )
  );
}
