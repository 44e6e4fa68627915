import { createFileRegistry, fromBinary, type FileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.js';

const root = resolve(import.meta.dirname, '../..');
const DOCS = readdirSync(resolve(root, 'docs')).filter((page) => page.endsWith('.md'));
const PAGES = ['README.md', ...DOCS.map((page) => `docs/${page}`)];
/** All Markdown of the repository: that of examples and packages too. */
const ALL_PAGES = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((page) => page !== '' && existsSync(resolve(root, page)));
/** Pages that show whole files of tested examples: the files, in the order in which they are shown. */
const WHOLE_FILES = {
  'docs/plugin-typescript.md': [
    'examples/typescript-predictor/tsconfig.json',
    'examples/typescript-predictor/nearest.ts',
  ],
  'docs/plugin-python.md': ['python/examples/boosted_predictor.py'],
} as const satisfies Record<string, readonly string[]>;

/** The command lines in the code blocks of a page, each on one line. */
function listCommandLines(page: string): string[] {
  const blocks = readFileSync(resolve(root, page), 'utf8')
    .split('```')
    .filter((_, index) => index % 2 === 1);
  return blocks.flatMap((block) =>
    block
      .replaceAll('\\\n', ' ')
      .split('\n')
      .map((line) => line.trim().replace(/^(?:\$ |npx )/, ''))
      .filter((line) => line.startsWith('prunecast ')),
  );
}

/** What a line uses that the program has not. */
function findUnknown(line: string): string[] {
  const [, ...words] = line.match(/'[^']*'?|"[^"]*"?|[^\s'"]+/g) ?? [];
  let command: Command = createProgram();
  while (command.commands.length > 0) {
    const name = words.shift() ?? '';
    const child = command.commands.find((candidate) => candidate.name() === name);
    if (child === undefined) return [name];
    command = child;
  }
  const known = new Set(command.options.flatMap(({ long, short }) => [long, short]));
  return words.filter((word) => /^--?[a-z]/.test(word) && !known.has(word) && word !== '--help');
}

/** All that the protos declare. */
function buildRegistry(): FileRegistry {
  const buf = resolve(root, 'node_modules/@bufbuild/buf/bin/buf');
  const build = [buf, 'build', '--as-file-descriptor-set', '-o', '-'];
  const image = execFileSync(process.execPath, build, { cwd: root, maxBuffer: 2 ** 26 });
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
}

/** The files that a page links to, without their anchors. */
function listLinks(page: string): string[] {
  const text = readFileSync(resolve(root, page), 'utf8');
  return [...text.matchAll(/(?:\]\(|(?:src|srcset|href)=")([^)#"\s]+)/g)]
    .map(([, link]) => link ?? '')
    .filter((link) => !/^[a-z]+:/.test(link));
}

/** The links of a page to a place in a page, and in which page: `errors.md#overloaded`. */
function listAnchorLinks(page: string): { readonly target: string; readonly anchor: string }[] {
  const text = readFileSync(resolve(root, page), 'utf8');
  return [...text.matchAll(/\]\(([^)#"\s]*)#([^)\s]+)\)/g)]
    .map(([, file = '', anchor = '']) => ({
      target: file === '' ? page : join(dirname(page), file),
      anchor,
    }))
    .filter(({ target }) => target.endsWith('.md') && !/^[a-z]+:/.test(target));
}

/** The places of a page that can be linked to: its headings, as GitHub names them, and those with an id. */
function listAnchors(page: string): Set<string> {
  const text = readFileSync(resolve(root, page), 'utf8').replaceAll(/```.*?```/gs, '');
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return new Set([...headings, ...[...text.matchAll(/id="([^"]+)"/g)].map(([, id = '']) => id)]);
}

describe('the pages', () => {
  it('show commands and flags that there are', () => {
    const lines = PAGES.flatMap((page) => listCommandLines(page).map((line) => ({ page, line })));
    expect(lines.length).toBeGreaterThan(20);
    expect(['prunecast serach', 'prunecast jobs list --modle m'].map(findUnknown)).toEqual([['serach'], ['--modle']]);
    expect(lines.flatMap(({ page, line }) => findUnknown(line).map((word) => `${page}: ${word} in ${line}`))).toEqual(
      [],
    );
  });

  it('name every command in the table of commands', () => {
    const [table = ''] = readFileSync(resolve(root, 'docs/cli.md'), 'utf8').split('\n## ');
    const named = new Set(
      [...table.matchAll(/^\| `([a-z-]+)/gm), ...table.matchAll(/, `([a-z]+) list`/g)].map(([, name]) => name),
    );
    const program = createProgram();
    const commands = program
      .createHelp()
      .visibleCommands(program)
      .map((command) => command.name())
      .filter((name) => name !== 'help');
    expect(commands.length).toBeGreaterThan(15);
    expect(commands.filter((name) => !named.has(name))).toEqual([]);
  });

  it('are all in the index', () => {
    const linked = listLinks('docs/README.md');
    expect(DOCS.filter((page) => page !== 'README.md' && !linked.includes(page))).toEqual([]);
  });

  it('link to files that there are', () => {
    expect(ALL_PAGES).toEqual(expect.arrayContaining(['CONTRIBUTING.md', 'examples/README.md', 'python/README.md']));
    const missing = ALL_PAGES.flatMap((page) =>
      listLinks(page)
        .filter((link) => !existsSync(resolve(root, dirname(page), link)))
        .map((link) => `${page}: ${link}`),
    );
    expect(missing).toEqual([]);
  });

  it('link to places that there are', () => {
    const links = ALL_PAGES.flatMap((page) => listAnchorLinks(page).map((link) => ({ page, ...link })));
    const anchors = new Map([...new Set(links.map(({ target }) => target))].map((page) => [page, listAnchors(page)]));
    expect(links.length).toBeGreaterThan(500);
    expect(
      links
        .filter(({ target, anchor }) => anchors.get(target)?.has(anchor) !== true)
        .map(({ page, target, anchor }) => `${page}: ${target}#${anchor}`),
    ).toEqual([]);
  });

  it.each(Object.entries(WHOLE_FILES))('show the files of tested examples as they are: %s', (page, files) => {
    const text = readFileSync(resolve(root, page), 'utf8');
    const shown = [...text.matchAll(/```(?:ts|json|python)\n(.*?)```/gs)].map(([, code = '']) => code);
    expect(shown).toEqual(files.map((file) => readFileSync(resolve(root, file), 'utf8')));
  });

  it.each([
    { name: 'prunecast.v1', page: 'docs/api.md', types: 100 },
    { name: 'prunecast.plugin.v1', page: 'docs/plugin-api.md', types: 40 },
  ])('describe every method, field and value of $name', ({ name: packageName, page: path, types }) => {
    const page = readFileSync(resolve(root, path), 'utf8');
    const registry = [...buildRegistry()].filter((type) => type.typeName.startsWith(`${packageName}.`));
    const section = (name: string): string => page.split(`\n### ${name}\n`)[1]?.split('\n### ')[0] ?? '';
    const missing = registry.flatMap((type) => {
      const rows = type.kind === 'service' ? type.methods : type.kind === 'enum' ? type.values : [];
      const names = (type.kind === 'message' ? type.fields : rows).map(({ name }) => name);
      return names
        .filter((name) => !section(type.name).includes(`| \`${name}\` |`))
        .map((name) => `${type.name}.${name}`);
    });
    expect(registry.length).toBeGreaterThan(types);
    expect(missing).toEqual([]);
    expect(page).not.toContain('buf:lint'); // what the protos tell buf is no comment for callers
  });
});
