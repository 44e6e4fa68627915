import type { Transaction } from 'kysely';
import type { Schema } from './schema.js';

/** Something to be stored in a transaction that somebody else opens, so that it is there together with the rest or not at all. */
export type StoreWrite = (transaction: Transaction<Schema>) => Promise<void>;
