import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { Argument, type Command } from 'commander';
import type { JsonObject } from '../../flags/request-flag.js';
import { parseCount, parsePluginOption } from '../../flags/values.js';
import { DEMO_MODEL, MODELS } from '../demo/demo-request.js';
import { addFlags, PathArgument } from '../options/flag-option.js';
import { CommandFailure } from '../output/command-failure.js';
import { createPrinter, type PrintFlags, type Printer } from '../output/printer.js';
import { KINDS, type Kind } from '../plugin/kinds.js';
import { INVALID, runChecks, type Finding } from '../plugin/run-checks.js';
import { writeScaffold } from '../plugin/write-scaffold.js';
import { quoteWord } from '../../flags/quote-word.js';

const PRINT_FLAGS = [
  { flags: '--json', summary: 'print JSON lines' },
  { flags: '-q, --quiet', summary: 'print only what is needed' },
  { flags: '--no-color', summary: 'print without colours' },
] as const;

/** How long a check may take: the slowest of a built-in plug-in takes some seconds. */
const DEFAULT_LIMIT_S = 300;

/** `prunecast plugin`: begins a plug-in of one's own, and checks plug-ins. */
export function addPluginCommand(program: Command): void {
  const plugin = program.command('plugin').description('begin a plug-in of your own, and check plug-ins');
  addFlags(
    plugin
      .command('new')
      .addArgument(new Argument('<KIND>').choices(KINDS))
      .argument('<NAME>')
      .description('write a folder with a small plug-in that works, its test and its package.json'),
    ...PRINT_FLAGS,
  ).action((kind: Kind, name: string, flags: PrintFlags) => begin(kind, name, createPrinter(flags)));
  addFlags(
    plugin
      .command('check')
      .addArgument(new PathArgument('<PLUGINS...>', { from: 'files' }))
      .description(
        'run the conformance kit over plug-ins: ./knn.js, a folder, the name of an installed package, or a process as --plugin names it',
      ),
    {
      flags: '--option <NAME=VALUE>',
      summary: 'an option that the plug-ins are tried with, where one has no default',
      repeats: true,
    },
    {
      flags: '--rows <PATH>',
      summary: 'rows that an evaluator of rows is tried on: a file, or the folder that it reads',
      proposes: { from: 'files' },
    },
    { flags: '--limit <SECONDS>', summary: `how long a check may take (default: ${DEFAULT_LIMIT_S})` },
    ...PRINT_FLAGS,
  ).action((specifiers: readonly string[], flags: CheckFlags) => check(specifiers, flags));
}

async function begin(kind: Kind, name: string, printer: Printer): Promise<void> {
  const folder = resolve(name);
  const files = await writeScaffold(kind, name, folder);
  if (printer.format === 'json') printer.json({ folder, files });
  for (const file of files) printer.lines({ verbatim: join(name, file) });
  printer.next(
    { why: 'Run its tests', line: `cd ${name} && ${hasPackage(folder) ? '' : 'npm install && '}npm test` },
    { why: 'Use it', line: `prunecast serve --plugin ./${name}` },
  );
}

/** Whether the folder or one above it has this package installed. */
function hasPackage(folder: string): boolean {
  try {
    createRequire(join(folder, 'index.js')).resolve('prunecast/plugin');
    return true;
  } catch {
    return false;
  }
}

interface CheckFlags extends PrintFlags {
  readonly option?: readonly string[];
  readonly rows?: string;
  readonly limit?: string;
}

async function check(specifiers: readonly string[], flags: CheckFlags): Promise<void> {
  const printer = createPrinter(flags);
  const options: JsonObject = Object.assign({}, ...(flags.option ?? []).map(parsePluginOption)) as JsonObject;
  const settings = {
    model: join(MODELS, DEMO_MODEL),
    ...(flags.option !== undefined && { options }),
    ...(flags.rows !== undefined && { rows: resolve(flags.rows) }),
  };
  const limitS = flags.limit === undefined ? DEFAULT_LIMIT_S : parseCount(flags.limit);
  let [checks, failed] = [0, 0];
  for await (const finding of runChecks(specifiers, settings, 1000 * limitS)) {
    print(finding, printer, flags);
    if (finding.event === 'plugin') continue;
    checks += 1;
    if (finding.failure !== undefined) failed += 1;
  }
  if (failed > 0) throw new CommandFailure(`${failed} of ${checks} checks failed`, INVALID);
  printer.lines(`all ${checks} checks passed`);
}

function print(finding: Finding, printer: Printer, { quiet = false }: PrintFlags): void {
  if (printer.format === 'json') return printer.json(finding);
  const { bold, green, red } = printer.colors;
  if (finding.event === 'plugin') {
    const { kind, id, version, summary } = finding;
    return printer.lines({ text: `${bold(`${kind} ${quoteWord(id)}`)} ${version}: ${summary}`, column: 0 });
  }
  const { check: name, failure } = finding;
  if (quiet && failure === undefined) return;
  const column = 8;
  printer.lines({ text: `${failure === undefined ? green('ok    ') : red('failed')}  ${name}`, column });
  for (const line of failure === undefined ? [] : shorten(failure))
    printer.lines({ text: `${' '.repeat(column)}${line}`, column });
}

/** An error of an assertion may show both values in full. */
const MOST_LINES = 12;

function shorten(failure: string): string[] {
  const lines = failure.split('\n').filter((line) => line.trim() !== '');
  return lines.length <= MOST_LINES ? lines : [...lines.slice(0, MOST_LINES), '...'];
}
