/**
 * The known name that was most likely meant: one that it is the beginning of, if only one is, else the one with the
 * fewest letters added, left out, changed or swapped, at most three and fewer than two fifths of the longer name. Small
 * and capital letters, dashes and underscores count as the same. Undefined if none is near.
 */
export function findNearest(name: string, known: Iterable<string>): string | undefined {
  const wanted = simplify(name);
  const names = [...new Set(known)].filter((candidate) => candidate.length <= LONGEST_NAME);
  if (wanted === '' || wanted.length > LONGEST_NAME) return undefined;
  const begun = names.filter((candidate) => simplify(candidate).startsWith(wanted));
  if (begun.length === 1 && wanted.length >= LEAST_BEGINNING) return begun[0];
  let best: { readonly name: string; readonly edits: number } | undefined;
  for (const candidate of names) {
    const simple = simplify(candidate);
    const edits = countEdits(wanted, simple);
    const isNear = edits <= MOST_EDITS && edits < MOST_SHARE * Math.max(wanted.length, simple.length);
    if (isNear && edits < (best?.edits ?? Infinity)) best = { name: candidate, edits };
  }
  return best?.name;
}

/** `; did you mean "ridge"?` for the end of a sentence; empty if nothing is near. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const nearest = findNearest(name, known);
  return nearest === undefined ? '' : `; did you mean "${nearest}"?`;
}

const LEAST_BEGINNING = 3;
const MOST_EDITS = 3;
const MOST_SHARE = 0.4;
/** Longer ones are no names, and comparing them takes the square of their length. */
const LONGEST_NAME = 255;

function simplify(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

/** The distance of Damerau and Levenshtein in which no part is edited twice (optimal string alignment). */
function countEdits(from: string, to: string): number {
  let [before, last]: [number[], number[]] = [[], Array.from({ length: to.length + 1 }, (_, place) => place)];
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
        isSwapped ? (before[column - 2] ?? 0) + 1 : Infinity,
      );
    }
    [before, last] = [last, current];
  }
  return last[to.length] ?? 0;
}
