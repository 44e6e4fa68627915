import { sql, type Transaction } from 'kysely';
import { numbersBlob } from './columns.js';
import type { Schema } from './schema.js';

/** Labels that are rewritten at a time: each may have numbers of a hundred thousand windows. */
const LABELS_AT_A_TIME = 100;

/**
 * Labels have numbers of items, in named columns. Those of earlier versions had the losses, hits and tokens of windows,
 * and the first ones no hits. A metric's definition in a stored plan names columns where it named one of the two.
 */
export async function widenLabels(transaction: Transaction<Schema>): Promise<void> {
  await sql`ALTER TABLE labels RENAME TO former_labels`.execute(transaction);
  await sql`CREATE TABLE labels (
    checkpoint_digest TEXT NOT NULL, measurement_fingerprint TEXT NOT NULL, fidelity_digest TEXT NOT NULL,
    recipe_digest TEXT NOT NULL, architecture_key TEXT NOT NULL,
    metrics TEXT NOT NULL, columns TEXT NOT NULL, items BLOB NOT NULL, tokens_spent INTEGER NOT NULL,
    PRIMARY KEY (checkpoint_digest, measurement_fingerprint, fidelity_digest, recipe_digest, architecture_key)) STRICT`.execute(
    transaction,
  );
  for (let after = 0; ; ) {
    const { rows } = await sql<FormerLabel>`SELECT rowid AS number, * FROM former_labels WHERE rowid > ${after}
      ORDER BY rowid LIMIT ${LABELS_AT_A_TIME}`.execute(transaction);
    for (const { number, window_losses: losses, window_hits: hits, window_tokens: tokens, ...label } of rows) {
      after = number;
      const columns = [
        ['losses', new Float64Array(losses)] as const,
        ...(hits === null ? [] : [['hits', Float64Array.from(new Int32Array(hits))] as const]),
        ['tokens', Float64Array.from(new Int32Array(tokens))] as const,
      ];
      await transaction
        .insertInto('labels')
        .values({
          ...label,
          columns: JSON.stringify(columns.map(([name]) => name)),
          items: numbersBlob(Float64Array.from(columns.flatMap(([, values]) => [...values]))),
        })
        .execute();
    }
    if (rows.length < LABELS_AT_A_TIME) break;
  }
  await sql`DROP TABLE former_labels`.execute(transaction);
  for (const [column, mean] of [
    ['losses', { of: 'losses', per: 'tokens' }],
    ['hits', { of: 'hits', per: 'tokens' }],
  ] as const) {
    const [was, is] = [`"windows":"${column}"`, `"mean":${JSON.stringify(mean)}`];
    await sql`UPDATE job_requests SET plan = replace(plan, ${was}, ${is}) WHERE plan IS NOT NULL`.execute(transaction);
    await sql`UPDATE studies SET plan = replace(plan, ${was}, ${is}), progress = replace(progress, ${was}, ${is})`.execute(
      transaction,
    );
  }
}

/** A label of an earlier version. */
interface FormerLabel {
  readonly number: number;
  readonly checkpoint_digest: string;
  readonly measurement_fingerprint: string;
  readonly fidelity_digest: string;
  readonly recipe_digest: string;
  readonly architecture_key: string;
  readonly metrics: string;
  readonly window_losses: ArrayBuffer;
  readonly window_hits: ArrayBuffer | null;
  readonly window_tokens: ArrayBuffer;
  readonly tokens_spent: number;
}
