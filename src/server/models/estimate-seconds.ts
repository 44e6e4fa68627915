import type { OpenModel } from './open-models.js';

/** How long so many tokens take at the pace that this server has with a model; negative when unknown. */
export async function estimateSeconds({ findPace }: Pick<OpenModel, 'findPace'>, tokens: number): Promise<number> {
  if (tokens === 0) return 0;
  const pace = await findPace();
  return pace === undefined ? -1 : tokens / pace;
}
