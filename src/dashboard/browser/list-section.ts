import { addPage, renewFirstPage, type Listed } from '../merge-pages.js';
import { element, setText } from './element.js';
import { createKeyedRows, type Row } from './keyed-rows.js';

interface ListSettings<Item> {
  readonly title: string;
  /** Said in place of an empty table. */
  readonly none: string;
  readonly columns: readonly string[];
  ask(pageToken: string): Promise<Listed<Item>>;
  make(item: Item): Row<Item>;
  failed(error: unknown): void;
}

/** A table of the newest items, with a button for older ones. */
export interface ListSection {
  readonly node: HTMLElement;
  renew(): Promise<void>;
}

export function createListSection<Item extends { readonly id: string; readonly createTime?: string }>({
  title,
  none,
  columns,
  ask,
  make,
  failed,
}: ListSettings<Item>): ListSection {
  const heading = element('h2', { id: `list-${title.toLowerCase()}` }, title);
  const body = element('tbody');
  const empty = element('p', { class: 'soft' }, none);
  const more = element('button', { type: 'button', hidden: true }, 'Show older');
  const head = element('tr', {}, ...columns.map((name) => element('th', { scope: 'col' }, name)));
  const table = element('table', { 'aria-labelledby': heading.id, class: 'list' }, element('thead', {}, head), body);
  const rows = createKeyedRows<Item>(body, { keyOf: ({ id }) => id, make });
  let listed: Listed<Item> = { items: [], nextPageToken: '' };
  const show = (next: Listed<Item>): void => {
    listed = next;
    rows.show(next.items);
    table.hidden = next.items.length === 0;
    empty.hidden = next.items.length > 0;
    more.hidden = next.nextPageToken === '';
  };
  more.addEventListener('click', () => {
    more.disabled = true;
    ask(listed.nextPageToken)
      .then((page) => show(addPage(listed, page)), failed)
      .finally(() => {
        more.disabled = false;
      });
  });
  table.hidden = true;
  setText(empty, 'Loading …');
  return {
    node: element('section', {}, heading, empty, table, more),
    renew: async () => {
      const page = await ask('');
      setText(empty, none);
      show(renewFirstPage(listed, page));
    },
  };
}
