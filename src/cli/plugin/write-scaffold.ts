import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { CommandFailure } from '../output/command-failure.js';
import { readBuiltInPlugins } from '../proto/built-in-plugins.js';
import { PACKAGE_ROOT, readVersion } from '../proto/package-root.js';
import type { Kind } from './kinds.js';

/** What the templates are named before they get a name of their own. */
const TEMPLATE_NAME = /my-plugin/g;

/**
 * Writes a package with a small plug-in that works, its test, and what it takes to run both: `templates/plugin`, under
 * the plug-in's own name. Returns the names of the files.
 *
 * @param folder a new or empty one
 * @throws CommandFailure for a name that cannot be that of a plug-in and of its package, and for a folder with files
 */
export async function writeScaffold(kind: Kind, name: string, folder: string): Promise<readonly string[]> {
  const fault = findNameFault(kind, name);
  if (fault !== undefined) throw new CommandFailure(`a ${kind} cannot be named ${JSON.stringify(name)}: ${fault}`);
  await requireEmpty(folder);
  const fill = (text: string): string => text.replaceAll(TEMPLATE_NAME, name).replaceAll('my-kind', kind);
  const texts: Readonly<Record<string, string>> = {
    'index.js': fill(await readTemplate(`${kind}/index.js`)),
    'index.test.js': fill(await readTemplate(`${kind}/index.test.js`)),
    'package.json': `${JSON.stringify(describePackage(name), undefined, 2)}\n`,
    'README.md': fill(await readTemplate('README.md')),
  };
  await mkdir(folder, { recursive: true });
  for (const [file, text] of Object.entries(texts)) await writeFile(join(folder, file), text, { flag: 'wx' });
  return Object.keys(texts);
}

function findNameFault(kind: Kind, name: string): string | undefined {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length > 100)
    return 'names are kebab-case, such as nearest-pairs, with at most 100 characters';
  if (name === 'prunecast' || builtinModules.includes(name))
    return 'there is a package or a module of this name, and the plug-in gets a package of its own';
  const builtIn = Object.keys(readBuiltInPlugins().plugins[kind] ?? {});
  return builtIn.includes(name) ? `it is one of the built-in ones: ${builtIn.join(', ')}` : undefined;
}

async function requireEmpty(folder: string): Promise<void> {
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new CommandFailure(`${folder} cannot be the folder of a plug-in: ${error.message}`);
  });
  if (files.length > 0)
    throw new CommandFailure(`the folder ${folder} is not empty: choose another name, or remove it`);
}

function describePackage(name: string): object {
  return {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    exports: './index.js',
    scripts: { test: 'node --test', check: 'prunecast plugin check .' },
    dependencies: { prunecast: `^${readVersion()}` },
  };
}

function readTemplate(path: string): Promise<string> {
  return readFile(new URL(`templates/plugin/${path}`, PACKAGE_ROOT), 'utf8');
}
