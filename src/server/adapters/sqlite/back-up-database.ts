import { chmod, open } from 'node:fs/promises';
import Database from 'libsql';
import { openForReading, readIdentity, readOne, requireKnownSchema } from './admit-database.js';
import { attempt, describeDamage } from './guarded-database.js';

/** What a copy of a database has. */
export interface BackedUpDatabase {
  readonly schema: number;
  readonly jobs: number;
  readonly labels: number;
  readonly studies: number;
}

/**
 * Copies a database to a file that is not there yet, as it is at one moment, whatever a server writes meanwhile: that
 * is not held up. The copy is read through once, and lies on the disk when this returns. Jobs in it have no lease, so
 * that the first server that has it takes them, while the server of the original goes on.
 *
 * @throws PrunecastError STATE_DAMAGED, STORAGE_FULL, STATE_UNAVAILABLE
 */
export async function backUpDatabase(path: string, target: string): Promise<BackedUpDatabase> {
  const database = openForReading(path);
  try {
    requireKnownSchema(path, readIdentity(database).schema);
    attempt(() => database.prepare('VACUUM INTO ?').run(target));
  } finally {
    database.close();
  }
  await chmod(target, 0o600);
  const backedUp = finish(target);
  const file = await open(target, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  return backedUp;
}

function finish(target: string): BackedUpDatabase {
  const copy = new Database(target);
  try {
    const has = (name: string): boolean =>
      Number(readOne(copy, `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '${name}'`)) > 0;
    const count = (name: string): number => (has(name) ? Number(readOne(copy, `SELECT count(*) FROM ${name}`)) : 0);
    const { schema } = readIdentity(copy);
    if (schema >= FIRST_WITH_LEASES) attempt(() => copy.exec("UPDATE jobs SET lease_owner = '', lease_until_ms = 0"));
    const damage = String(readOne(copy, 'PRAGMA integrity_check(1)'));
    if (damage !== 'ok') throw describeDamage({ finding: damage });
    return { schema, jobs: count('jobs'), labels: count('labels'), studies: count('studies') };
  } finally {
    copy.close();
  }
}

const FIRST_WITH_LEASES = 5;
