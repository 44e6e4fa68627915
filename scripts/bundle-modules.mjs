// Bundles the modules that are started or imported by their addresses, over those that tsc wrote to dist/src: loading
// hundreds of small files takes more than half of the start of a server. What several of them share is in files of
// dist/src/chunks, so that each module is loaded once in a process.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { writeNotice } from './write-notice.mjs';

const root = resolve(import.meta.dirname, '..');
const source = join(root, 'src');
const built = join(root, 'dist/src');
const chunks = join(built, 'chunks');

/** Packages of hundreds of files, which no part of the API hands out. */
const BUNDLED_PACKAGES = ['kysely', 'inversify'];

/** Stands for the address of a module until it is known which file the module is in. */
const ADDRESS = '__addressOf';

export async function bundleModules({ maps = true } = {}) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: listEntries(),
    outbase: source,
    outdir: built,
    bundle: true,
    splitting: true,
    chunkNames: 'chunks/[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    charset: 'utf8',
    legalComments: 'none',
    sourcemap: maps,
    logLevel: 'warning',
    write: false,
    metafile: true,
    plugins: [{ name: 'modules', setup }],
  });
  mkdirSync(chunks, { recursive: true });
  const left = new Set(readdirSync(chunks).map((name) => join(chunks, name)));
  for (const { path, text } of outputFiles) {
    const inputs = Object.keys(metafile.outputs[relative(root, path)]?.inputs ?? {});
    const notice = path.endsWith('.js') ? writeNotice(inputs) : '';
    writeFileSync(path, `${keepClassNames(placeAddresses(text, path))}${notice && `${notice}\n`}`);
    left.delete(path);
  }
  // Only now: what runs meanwhile may still load them.
  for (const path of left) rmSync(path);
}

/** The entries of the package, the programs, and all modules that another one names by an address: workers, plug-ins. */
function listEntries() {
  const { bin, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const published = [...Object.values(bin), ...Object.values(exports)].map((path) =>
    path.replace('./dist/src/', '').replace(/\.js$/, '.ts'),
  );
  const modules = readdirSync(source, { recursive: true }).filter((path) => path.endsWith('.ts'));
  const programs = modules.filter((path) => /^server\/(?:[\w-]+\/)?main\.ts$/.test(path));
  const addressed = modules.flatMap((path) =>
    [
      ...readFileSync(join(source, path), 'utf8').matchAll(/new URL\(\s*'(\.[^']+)\.js',\s*import\.meta\.url,?\s*\)/g),
    ].map(([, target]) => join(dirname(path), `${target}.ts`)),
  );
  const entries = new Set([...published, ...programs, ...addressed]);
  return modules.filter((path) => entries.has(path)).map((path) => join(source, path));
}

function setup({ onLoad, onResolve, resolve: resolveModule }) {
  // Packages stay where they are installed, but for those that are bundled with what only they import.
  onResolve({ filter: /^[^./]/ }, async ({ path, importer, kind, resolveDir, pluginData }) => {
    if (kind === 'entry-point' || pluginData === 'found') return undefined;
    const isBundled =
      !importer.startsWith(source) || BUNDLED_PACKAGES.some((name) => path === name || path.startsWith(`${name}/`));
    return isBundled ? resolveModule(path, { kind, importer, resolveDir, pluginData: 'found' }) : { external: true };
  });
  onLoad({ filter: /\.ts$/ }, ({ path }) => ({
    loader: 'ts',
    contents: readFileSync(path, 'utf8').replaceAll(
      'import.meta.url',
      `${ADDRESS}(${JSON.stringify(relative(source, path).replace(/\.ts$/, '.js'))})`,
    ),
  }));
}

/** Has each module see the address that it has among the sources, from whichever file it is in. */
function placeAddresses(text, file) {
  return text.replaceAll(new RegExp(`${ADDRESS}\\("(.+?)"\\)`, 'g'), (_, module) => {
    const path = relative(dirname(file), join(built, module));
    return join(built, module) === file ? 'import.meta.url' : `new URL(${JSON.stringify(path)}, import.meta.url).href`;
  });
}

/** esbuild puts `_` before the names of classes that name themselves: logs and reports of errors would show it. */
function keepClassNames(text) {
  const names = [...text.matchAll(/^var (\w+) = class _\1\b/gm)].map(([, name]) => name);
  return names.length === 0 ? text : text.replaceAll(new RegExp(`\\b_(${names.join('|')})\\b`, 'g'), '$1');
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await bundleModules();
