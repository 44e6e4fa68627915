/** Which page of a list is asked for. */
export interface PageQuery {
  /** From 1. */
  readonly pageSize: number;
  /** From the page before; empty for the first page. Only the store that gave it can read it. */
  readonly pageToken: string;
}

/**
 * A page of a list. It may hold fewer values than were asked for: it ends before its values come to 3 MiB, so that it
 * fits one message, but it holds at least one value if there is one left.
 */
export interface Page<Value> {
  readonly values: readonly Value[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}
