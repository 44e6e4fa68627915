/**
 * Lines of a table with a heading, columns two spaces apart. Columns whose cells all start with a digit, sign or dash
 * stand to the right, the others to the left.
 */
export function formatTable(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const numeric = heading.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^(?:[-+]?\d|-$|$)/.test(row[column] ?? '')),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        numeric[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(heading), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)];
}
