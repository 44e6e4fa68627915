#!/usr/bin/env node
import { CommanderError, InvalidArgumentError } from 'commander';
import { colorsFor } from './output/color.js';
import { describeError, errorToJson } from './output/describe-error.js';
import { placeGlobalFlags } from './options/place-global-flags.js';
import { describeNext } from './output/printer.js';
import { widthOf, wrapLines, type Line } from './output/wrap-lines.js';
import { createProgram } from './program.js';
import { afterFailure } from './session/next-commands.js';
import { writeCommandLine } from './session/shell-words.js';

// Node warns of what grpc-js does, such as a name in TLS that is an address: users of commands cannot change it.
process.noDeprecation = true;

const isJson = process.argv.includes('--json');
const isQuiet = process.argv.some((word) => word === '--quiet' || word === '-q');
const colors = colorsFor(process.stderr, { color: !process.argv.includes('--no-color') });

/** What the shell is told. */
const EXIT = { done: 0, failed: 1, usage: 2 } as const;

// A reader that stops early (`prunecast jobs list | head`) is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed),
);

const program = createProgram({ printsErrors: !isJson, colors });
const words = placeGlobalFlags(program, process.argv.slice(2));

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    await program.parseAsync(words, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    // Commander has printed its own errors for people, but not those that an action throws.
    if (error instanceof CommanderError && !isJson && !(error instanceof InvalidArgumentError)) return EXIT.usage;
    if (error instanceof CommanderError) return report(error, EXIT.usage);
    return report(error, EXIT.failed);
  }
}

function report(error: unknown, code: number): number {
  const lines = isJson
    ? [{ verbatim: JSON.stringify(errorToJson(error, code)) }]
    : [...describeError(error, colors), ...describeHelp(error)];
  for (const line of wrapLines(lines, widthOf(process.stderr))) process.stderr.write(`${line}\n`);
  return code;
}

/** What to run after a failure, for people. */
function describeHelp(error: unknown): Line[] {
  if (isQuiet) return [];
  const commands = afterFailure(error, words);
  return describeNext(
    commands.map((next) => ({ why: next.why, line: writeCommandLine(['prunecast', ...next.words]) })),
    colors.dim,
  );
}
