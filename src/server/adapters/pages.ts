import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Page } from '../../core/ports/pages.js';

/** The most bytes of the rows of a page, so that it fits a message of 4 MiB. */
const MOST_PAGE_BYTES = 3 * 2 ** 20;

/**
 * The first rows that fit a page, and the token of the page after them.
 *
 * @param rows in the order of their keys, one more than `pageSize` if there are more
 */
export function takePage<Row, Value>(
  rows: readonly Row[],
  pageSize: number,
  read: {
    readonly key: (row: Row) => number;
    readonly bytes: (row: Row) => number;
    readonly value: (row: Row) => Value;
  },
): Page<Value> {
  const taken: Row[] = [];
  let bytes = 0;
  for (const row of rows.slice(0, pageSize)) {
    bytes += read.bytes(row);
    if (taken.length > 0 && bytes > MOST_PAGE_BYTES) break;
    taken.push(row);
  }
  const last = taken.at(-1);
  const isLastPage = taken.length === rows.length || last === undefined;
  return { values: taken.map(read.value), nextPageToken: isLastPage ? '' : writePageToken(read.key(last)) };
}

/**
 * The key after which a page starts; `undefined` for the first page. Throws INVALID_REQUEST for a token that no page
 * gave.
 */
export function readPageToken(token: string): number | undefined {
  if (token === '') return undefined;
  const match = /^k(\d{1,15})$/.exec(Buffer.from(token, 'base64url').toString());
  if (!match?.[1])
    throw PrunecastError.ofField(
      'page_token',
      'is not a token of an earlier answer: send next_page_token as it came, or leave it empty for the first page',
    );
  return Number(match[1]);
}

function writePageToken(key: number): string {
  return Buffer.from(`k${key}`).toString('base64url');
}
