import { Kysely, SqliteDialect } from 'kysely';
import type { Store } from '../../../core/ports/store.js';
import { openForReading, readIdentity, requireKnownSchema } from './admit-database.js';
import { metricsFromJson } from './columns.js';
import { guardDatabase, type Connection } from './guarded-database.js';
import { SCHEMA_VERSION } from './migrations.js';
import type { Schema } from './schema.js';
import { createSqliteStore } from './sqlite-store.js';

/** A label without its numbers of items. */
export interface ListedLabel {
  readonly checkpointDigest: string;
  readonly measurementFingerprint: string;
  readonly fidelityDigest: string;
  readonly recipeDigest: string;
  readonly architectureKey: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly tokensSpent: number;
  readonly storedMs: number;
}

/** A state that is only read, while a server may write it. */
export interface ReadableState {
  readonly store: Pick<Store, 'jobs' | 'studies'>;
  /** In the order in which they were stored; a few are in memory at a time. */
  labels(): AsyncIterable<ListedLabel>;
  close(): Promise<void>;
}

const LABELS_AT_A_TIME = 500;

/** @throws Error that says what to do, if the database is of another version */
export function readState(path: string): ReadableState {
  const connection = openForReading(path);
  try {
    const { schema } = readIdentity(connection);
    requireKnownSchema(path, schema);
    if (schema < SCHEMA_VERSION)
      throw new Error(
        `${path} is of an earlier version (schema ${schema}; this one reads ${SCHEMA_VERSION}): start a server of this version on it once, or on a backup of it`,
      );
  } catch (error) {
    connection.close();
    throw error;
  }
  const database = new Kysely<Schema>({
    dialect: new SqliteDialect({ database: guardDatabase(connection as Connection) }),
  });
  return {
    store: createSqliteStore(database),
    async *labels() {
      for (let after = 0; ; ) {
        const rows = await database
          .selectFrom('labels')
          .select(({ ref }) => [
            ref('rowid' as 'tokens_spent').as('number'),
            'checkpoint_digest',
            'measurement_fingerprint',
            'fidelity_digest',
            'recipe_digest',
            'architecture_key',
            'metrics',
            'tokens_spent',
            'stored_ms',
          ])
          .where(({ ref }) => ref('rowid' as 'tokens_spent'), '>', after)
          .orderBy('rowid' as 'tokens_spent')
          .limit(LABELS_AT_A_TIME)
          .execute();
        for (const row of rows) {
          after = row.number;
          yield {
            checkpointDigest: row.checkpoint_digest,
            measurementFingerprint: row.measurement_fingerprint,
            fidelityDigest: row.fidelity_digest,
            recipeDigest: row.recipe_digest,
            architectureKey: row.architecture_key,
            metrics: metricsFromJson(row.metrics),
            tokensSpent: row.tokens_spent,
            storedMs: row.stored_ms,
          };
        }
        if (rows.length < LABELS_AT_A_TIME) return;
      }
    },
    close: () => database.destroy(),
  };
}
