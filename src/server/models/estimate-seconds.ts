import type { OpenModel } from './open-models.js';

/** How long so many tokens take at the pace that this server has with a model; undefined if it is unknown. */
export async function estimateSeconds(
  { findPace }: Pick<OpenModel, 'findPace'>,
  tokens: number,
): Promise<number | undefined> {
  if (tokens === 0) return 0;
  const pace = await findPace();
  return pace === undefined ? undefined : tokens / pace;
}
