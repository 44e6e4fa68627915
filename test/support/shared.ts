import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../../../shared');

/** Whether the folder with reference results, larger models and texts lies beside the project. */
export const hasShared = existsSync(resolve(root, 'reference/criteria.json'));

/** Why tests that need it are skipped. */
export const skipReason = 'needs ../shared (reference results, models, texts)';

/** An absolute path in the shared folder. */
export function sharedPath(...parts: readonly string[]): string {
  return resolve(root, ...parts);
}
