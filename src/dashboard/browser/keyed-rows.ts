/** A row that shows one item. */
export interface Row<Item> {
  readonly node: HTMLElement;
  show(item: Item): void;
}

/** Shows items as rows, in their order. */
export interface KeyedRows<Item> {
  show(items: readonly Item[]): void;
}

/** A row stays the same element for as long as its item is shown, so that it keeps the focus. */
export function createKeyedRows<Item>(
  parent: HTMLElement,
  { keyOf, make }: { keyOf: (item: Item) => string; make: (item: Item) => Row<Item> },
): KeyedRows<Item> {
  const rows = new Map<string, Row<Item>>();
  return {
    show: (items) => {
      const keys = new Set(items.map(keyOf));
      for (const [key, { node }] of rows) {
        if (keys.has(key)) continue;
        node.remove();
        rows.delete(key);
      }
      for (const [index, item] of items.entries()) {
        const key = keyOf(item);
        const row = rows.get(key) ?? make(item);
        rows.set(key, row);
        row.show(item);
        if (parent.children[index] !== row.node) parent.insertBefore(row.node, parent.children[index] ?? null);
      }
    },
  };
}
