import type { LanguageModel } from '../../engine/language-model.js';

/** How long so many tokens take at the pace that this server has with a model; negative when unknown. */
export async function estimateSeconds(language: LanguageModel, tokens: number): Promise<number> {
  if (tokens === 0) return 0;
  const pace = await language.findPace();
  return pace === undefined ? -1 : tokens / pace;
}
