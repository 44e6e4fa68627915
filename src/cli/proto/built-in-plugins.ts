import { readFileSync } from 'node:fs';
import { PACKAGE_ROOT } from './package-root.js';

export interface BuiltInPlugins {
  /** Options by kind and id. */
  readonly plugins: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** Of the evaluators. */
  readonly metrics: readonly string[];
}

/** The built-in plug-ins; plug-ins of the user's own are known to their server only. */
export function readBuiltInPlugins(): BuiltInPlugins {
  return JSON.parse(readFileSync(new URL('proto/plugins.json', PACKAGE_ROOT), 'utf8')) as BuiltInPlugins;
}
