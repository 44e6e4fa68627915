import { pickEvenly, shareOf } from '../../../core/pick-evenly.js';
import type { RowsProtocol } from '../../../core/ports/evaluator.js';

/**
 * The questions that may be asked: of each group (a subject, a file) `limit` of them, spread evenly, and of those the part.
 * So each part has questions of every group, and no question is in two parts that lie apart.
 *
 * @param limit 0 for all
 */
export function pickQuestions<Item>(
  groups: readonly (readonly Item[])[],
  { limit, part = { from: 0, to: 1 } }: Pick<RowsProtocol, 'part'> & { readonly limit: number },
): Item[] {
  return groups.flatMap((group) => {
    const picked = pickEvenly(group.length, limit === 0 ? group.length : limit);
    return picked
      .slice(shareOf(picked.length, part.from), shareOf(picked.length, part.to))
      .map((place) => group[place] as Item);
  });
}
