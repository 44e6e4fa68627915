import { resolve } from 'node:path';
import type { WorkContext } from '../../src/core/ports/work-context.js';
import { openCheckpoint } from '../../src/engine/checkpoint/open-checkpoint.js';
import type { LanguageModel } from '../../src/engine/language-model.js';
import { type LanguageModelOptions, openLanguageModel } from '../../src/engine/open-language-model.js';

/** The model that comes with the project: five layers, grouped-query attention. */
export const DEMO_DIRECTORY = resolve(import.meta.dirname, '../../models/stories260k');

/** Never cancelled, told nobody. */
export const unattended: WorkContext = { signal: new AbortController().signal };

/** A model for as long as `use` runs. */
export async function withModel<Result>(
  directory: string,
  use: (model: LanguageModel) => Promise<Result>,
  options: LanguageModelOptions = {},
): Promise<Result> {
  const model = await openLanguageModel(await openCheckpoint(directory), options);
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}
