import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { isNativeError } from 'node:util/types';
import { PrunecastError } from '../core/errors/prunecast-error.js';
import type { Plugin, PluginAddress, PluginsByKind } from '../core/ports/plugin-entry.js';
import { FIRST_VERSION, type PluginKind } from '../core/ports/plugin.js';
import { openHost, type WriteLine } from './context/plugin-context.js';

/**
 * The plug-ins of a module, each checked: its default export, one or a list.
 *
 * @param place how the module was named, for messages
 * @throws PrunecastError PLUGIN_INVALID if it cannot be loaded or holds anything else
 */
export async function importPlugins(moduleUrl: string, place = moduleUrl): Promise<readonly Plugin[]> {
  const values = await importExported(moduleUrl, place);
  const { checkManifest } = await import('./check-manifest.js'); // not in workers: a tenth of a thread's start
  if (values.length === 0) throw new PrunecastError('PLUGIN_INVALID', `${place}: its default export is an empty list`);
  return values.map((value) => withVersion(checkManifest(value, place), moduleUrl));
}

/**
 * The plug-in at an address, in a worker, with its calls checked. Calls have no limit: a worker can be ended.
 *
 * @param write takes its lines to the server's log; by default the channel of its address
 * @throws PrunecastError PLUGIN_INVALID if the module cannot be loaded, or no longer holds what the server loaded
 * from it
 */
export async function loadPlugin<Kind extends PluginKind>(
  address: PluginAddress & { readonly kind: Kind },
  write?: WriteLine,
): Promise<PluginsByKind[Kind]> {
  const { moduleUrl, kind, id, version, host } = address;
  const key = JSON.stringify([moduleUrl, kind, id, version, host]);
  const known = loaded.get(key) ?? load(address, write);
  loaded.set(key, known);
  return (await known) as PluginsByKind[Kind];
}

/**
 * The plug-in with a version: its own, or that of the installed package its module lies in. A module that is not
 * installed, and may be edited at any time, has its digest beside it. A built-in plug-in has the first version until it
 * states another.
 */
export function withVersion<Listed extends Plugin>(plugin: Listed, moduleUrl: string): Listed & { version: string } {
  return {
    ...plugin,
    version: plugin.version ?? (isBuiltIn(moduleUrl) ? FIRST_VERSION : readPackageVersion(new URL(moduleUrl))),
  };
}

/** Whether a module is one of this package's own plug-ins. */
export function isBuiltIn(moduleUrl: string): boolean {
  return moduleUrl.startsWith(BUILT_IN_FOLDER.href);
}

const BUILT_IN_FOLDER = new URL('../plugins/', import.meta.url);

/** By address: a worker asks for its plug-in with every call. */
const loaded = new Map<string, Promise<Plugin>>();

async function load({ moduleUrl, kind, id, version, host }: PluginAddress, write?: WriteLine): Promise<Plugin> {
  const { guardPlugin } = await import('./guards/guard-plugin.js'); // a third of the start of a thread without plug-ins
  // Checked by the server, which has the address from the same module.
  const plugins = (await importExported(moduleUrl, moduleUrl))
    .filter(isNamed)
    .map((plugin) => withVersion(plugin, moduleUrl));
  const found = plugins.find((plugin) => plugin.kind === kind && plugin.id === id);
  if (found !== undefined && (version === undefined || found.version === version))
    return guardPlugin(found, { limitMs: undefined }, openHost(host, write));
  const there = plugins.map((plugin) => `${plugin.kind} "${plugin.id}" ${plugin.version}`).join(', ');
  throw new PrunecastError(
    'PLUGIN_INVALID',
    `${moduleUrl} changed while the server ran: it held ${kind} "${id}" ${version ?? ''}, and now ${there || 'none'}; start the server again`,
    { metadata: { kind, id, version: version ?? '' } },
  );
}

function isNamed(value: unknown): value is Plugin {
  return typeof value === 'object' && value !== null && 'kind' in value && 'id' in value;
}

/** What a module exports as default: a list, or the only entry of one. */
async function importExported(moduleUrl: string, place: string): Promise<readonly unknown[]> {
  try {
    const exported = findDefault(((await import(moduleUrl)) as { readonly default?: unknown }).default);
    return Array.isArray(exported) ? exported : [exported];
  } catch (error) {
    const fault = await describeLoading(error, moduleUrl);
    throw new PrunecastError('PLUGIN_INVALID', `${place} cannot be loaded: ${fault}`, {
      metadata: { module: moduleUrl.startsWith('file:') ? fileURLToPath(moduleUrl) : moduleUrl },
      cause: error,
    });
  }
}

/**
 * Compilers that write CommonJS mark it, and put the default export inside of what Node takes for it: so does TypeScript
 * where the nearest package.json says "type": "commonjs", as that of `npm init` does.
 */
function findDefault(exported: unknown): unknown {
  const isCompiled = typeof exported === 'object' && exported !== null && '__esModule' in exported;
  return isCompiled && 'default' in exported ? exported.default : exported;
}

/** Why a module cannot be loaded, in one line. */
async function describeLoading(error: unknown, moduleUrl: string): Promise<string> {
  if (!isNativeError(error))
    return `it throws ${typeof error === 'string' ? error : inspect(error, { depth: 1, breakLength: Infinity })}`;
  const [words = ''] = error.message.split('\n');
  if ('code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[mc]?ts\b/.test(words))
    return `${words}. Node ${process.versions.node} does not run TypeScript, Node 22.18 and later do; or compile it (npx tsc --module nodenext --target es2023 FILE.ts) and name the .js file`;
  const place = error instanceof SyntaxError ? await findSyntaxError(moduleUrl) : undefined;
  return place === undefined ? words : `${words} (${place})`;
}

/** How long Node may take to come to a syntax error. */
const SYNTAX_LIMIT_MS = 10_000;

/**
 * Node tells the file and the line of a syntax error only where it ends a process. Nothing of the module runs before all
 * that it imports was read. undefined: it is not found that way.
 */
async function findSyntaxError(moduleUrl: string): Promise<string | undefined> {
  const { execFile } = await import('node:child_process');
  const complaint = await new Promise<string>((resolve) => {
    execFile(
      process.execPath,
      ['--input-type=module', '--eval', 'await import(process.argv[1])', moduleUrl],
      { timeout: SYNTAX_LIMIT_MS, killSignal: 'SIGKILL' },
      (_error, _stdout, stderr) => resolve(stderr),
    );
  });
  const [, file, line] = /^(file:.*|\/.*):(\d+)$/m.exec(complaint) ?? [];
  if (file === undefined) return undefined;
  return `line ${line} of ${file.startsWith('file:') ? fileURLToPath(file) : file}`;
}

const UNVERSIONED = '0.0.0';

/**
 * The version in the nearest package.json that has one, followed by the digest of the module unless it lies in
 * `node_modules`; the digest alone where none has.
 */
function readPackageVersion(moduleUrl: URL): string {
  if (moduleUrl.protocol !== 'file:') return UNVERSIONED;
  for (let folder = new URL('.', moduleUrl); ; folder = new URL('..', folder)) {
    const version = readVersion(new URL('package.json', folder));
    if (version !== undefined) return isInstalled(moduleUrl) ? version : `${version}+${digestModule(moduleUrl)}`;
    if (folder.pathname === '/' || new URL('..', folder).href === folder.href) return digestModule(moduleUrl);
  }
}

function isInstalled({ pathname }: URL): boolean {
  return pathname.includes('/node_modules/');
}

function digestModule(moduleUrl: URL): string {
  try {
    return `sha256-${createHash('sha256').update(readFileSync(moduleUrl)).digest('hex').slice(0, 16)}`;
  } catch {
    return UNVERSIONED; // a module that is no file of its own
  }
}

function readVersion(file: URL): string | undefined {
  try {
    const { version } = JSON.parse(readFileSync(fileURLToPath(file), 'utf8')) as { readonly version?: unknown };
    return typeof version === 'string' && version !== '' ? version : undefined;
  } catch {
    return undefined; // not there, or not readable: the folder above may have one
  }
}
