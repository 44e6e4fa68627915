import { resolve } from 'node:path';
import { expandHome } from './state-directory.js';

/** What a server tells those who attend it, as one line of JSON. */
export interface Greeting {
  /** Of Prunecast. */
  readonly version: string;
  readonly processId: number;
  /** Where it takes calls: `unix:/path/of.sock`. */
  readonly address: string;
  /** A server that a command started ends with the last who attends it, and takes any path of its user. */
  readonly kind: 'of-a-command' | 'serve';
  /** Plug-ins besides the built-in ones, as `nameAnywhere` names them. */
  readonly plugins: readonly string[];
  /** Where a `serve` reads and writes; undefined for one that takes any path. */
  readonly roots?: Roots;
}

/** Folders that the names of requests lie under; absolute. */
export interface Roots {
  readonly models: readonly string[];
  readonly texts: readonly string[];
  readonly output: string;
}

/**
 * A plug-in's specifier as it means the same in every folder: a path is absolute, a package and a command keep their
 * names.
 */
export function nameAnywhere(specifier: string): string {
  const [, socket] = /^unix:([^/].*)$/.exec(specifier) ?? [];
  if (socket !== undefined) return `unix:${resolve(socket)}`;
  return /^(?:\.{1,2}|~)\//.test(specifier) ? resolve(expandHome(specifier)) : specifier;
}

/** `undefined` for what is no greeting. */
export function parseGreeting(line: string): Greeting | undefined {
  try {
    const { version, processId, address, kind, plugins, roots } = JSON.parse(line) as Partial<Greeting>;
    return typeof version === 'string' &&
      typeof processId === 'number' &&
      typeof address === 'string' &&
      (kind === 'of-a-command' || kind === 'serve') &&
      Array.isArray(plugins)
      ? { version, processId, address, kind, plugins, ...(isRoots(roots) && { roots }) }
      : undefined;
  } catch {
    return undefined;
  }
}

function isRoots(value: Partial<Roots> | undefined): value is Roots {
  const { models, texts, output } = value ?? {};
  return Array.isArray(models) && Array.isArray(texts) && typeof output === 'string';
}
