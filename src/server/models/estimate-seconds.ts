import type { OpenModel } from './open-models.js';

/** How long a model takes for so many tokens, at its pace on this server; undefined if the pace is unknown. */
export async function estimateSeconds(
  { findPace }: Pick<OpenModel, 'findPace'>,
  tokens: number,
): Promise<number | undefined> {
  if (tokens === 0) return 0;
  const pace = await findPace();
  return pace === undefined ? undefined : tokens / pace;
}
