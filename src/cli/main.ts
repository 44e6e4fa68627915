#!/usr/bin/env node
import { CommanderError, InvalidArgumentError } from 'commander';
import { describeError, errorToJson } from './output/describe-error.js';
import { createProgram } from './program.js';

/** What the shell is told. */
const EXIT = { done: 0, failed: 1, usage: 2 } as const;

// A reader that has enough (`prunecast jobs list | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed),
);

process.exitCode = await main(process.argv);

async function main(argv: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(argv);
    return EXIT.done;
  } catch (error) {
    // Commander has printed its own message already; one thrown by an action it has not.
    if (error instanceof InvalidArgumentError) return report(error, EXIT.usage);
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    return report(error, EXIT.failed);
  }
}

function report(error: unknown, code: number): number {
  const lines = process.argv.includes('--json') ? [JSON.stringify(errorToJson(error))] : describeError(error);
  for (const line of lines) process.stderr.write(`${line}\n`);
  return code;
}
