import type { LoadRow } from '../../client/index.js';
import type { Printer } from './printer.js';

/** What will load, by exporter; rows of compensations that say the same are one. */
export function printLoads(loads: readonly LoadRow[], printer: Printer): void {
  if (loads.length === 0) return;
  const grouped = new Map<string, LoadRow[]>();
  for (const row of loads) {
    const { compensation: _, ...same } = row;
    const key = JSON.stringify(same);
    grouped.set(key, [...(grouped.get(key) ?? []), row]);
  }
  const rows = [...grouped.values()].flatMap((group) =>
    group.slice(0, 1).map((row) => ({ row, compensations: group.map(({ compensation }) => compensation) })),
  );
  printer.lines('', 'what will load:');
  printer.table(
    ['exporter', 'shapes', 'compensation', 'loads in', 'note'],
    rows
      .toSorted((a, b) => (a.row.exporter < b.row.exporter ? -1 : a.row.exporter > b.row.exporter ? 1 : 0))
      .map(({ row: { exporter, options = {}, uniform, loadsIn, note }, compensations }) => [
        [exporter, ...Object.entries(options).map(([name, value]) => `${name}=${String(value)}`)].join(' '),
        uniform ? 'all layers alike' : 'per layer',
        compensations.join(', '),
        loadsIn.join(', ') || 'nothing',
        note,
      ]),
  );
}
