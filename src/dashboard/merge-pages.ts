/** What a list shows: the newest page, asked for again and again, and older ones that were asked for once. */
export interface Listed<Item> {
  readonly items: readonly Item[];
  /** Of the page after the oldest; empty if there is none. */
  readonly nextPageToken: string;
}

interface Listable {
  readonly id: string;
  readonly createTime?: string;
}

/**
 * The list with its newest page renewed; what has been deleted there is gone. If so many items are new that the page
 * does not reach the earlier ones, the list begins anew with it.
 */
export function renewFirstPage<Item extends Listable>(shown: Listed<Item>, page: Listed<Item>): Listed<Item> {
  const ids = new Set(page.items.map(({ id }) => id));
  const oldest = page.items.at(-1)?.createTime ?? '';
  const reaches = page.nextPageToken !== '' && shown.items.some(({ id }) => ids.has(id));
  const older = reaches ? shown.items.filter(({ id, createTime = '' }) => !ids.has(id) && createTime <= oldest) : [];
  return older.length === 0 ? page : { items: [...page.items, ...older], nextPageToken: shown.nextPageToken };
}

/** The list with one more page at its end. */
export function addPage<Item extends Listable>({ items }: Listed<Item>, page: Listed<Item>): Listed<Item> {
  const ids = new Set(items.map(({ id }) => id));
  return { items: [...items, ...page.items.filter(({ id }) => !ids.has(id))], nextPageToken: page.nextPageToken };
}
