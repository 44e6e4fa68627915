import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PageQuery } from '../../core/ports/pages.js';

/**
 * A page of a list in the order of its names. Its token is the last name, so that what comes and goes meanwhile moves
 * nothing else to another page.
 *
 * @throws PrunecastError INVALID_REQUEST for a token that no page gave
 */
export function takeNamedPage<Value>(
  values: readonly Value[],
  nameOf: (value: Value) => string,
  { pageSize, pageToken }: PageQuery,
): { readonly values: readonly Value[]; readonly nextPageToken: string } {
  const after = readToken(pageToken);
  const rest = values
    .filter((value) => after === undefined || nameOf(value) > after)
    .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const page = rest.slice(0, pageSize);
  const last = page.at(-1);
  const isLast = last === undefined || page.length === rest.length;
  return { values: page, nextPageToken: isLast ? '' : Buffer.from(`n${nameOf(last)}`).toString('base64url') };
}

function readToken(token: string): string | undefined {
  if (token === '') return undefined;
  const name = Buffer.from(token, 'base64url').toString();
  if (name.startsWith('n')) return name.slice(1);
  throw PrunecastError.ofField(
    'page_token',
    'is not a token of an earlier answer: send next_page_token as it came, or leave it empty for the first page',
  );
}
