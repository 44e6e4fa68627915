import type { Command } from 'commander';
import type { PrintFlags } from '../output/printer.js';

/** What every command that talks to a server takes. */
export interface ServerFlags extends PrintFlags {
  /** Undefined: a server is started for this call alone. */
  readonly address?: string;
  readonly stateDir: string;
  readonly serverLog?: boolean;
  /** Plug-ins of a server that is started for this call. */
  readonly plugin?: readonly string[];
}

/** Where a server that is started for a call keeps its state. */
export const DEFAULT_STATE_DIR = '.prunecast';

/** Flags for the form of what is printed. */
export function addPrintFlags(command: Command): Command {
  return command
    .optionsGroup('Printing:')
    .option('--json', 'print JSON lines: events and answers as proto JSON, errors too')
    .option('-q, --quiet', 'print the result and errors only: no progress, no notes')
    .option('--no-color', 'print without colours, as with NO_COLOR; FORCE_COLOR prints them to files too')
    .optionsGroup('Other:');
}

/** Flags for the form of what is printed and for the server to call. */
export function addServerFlags(command: Command): Command {
  return addPrintFlags(command)
    .optionsGroup('Server:')
    .option('--address <ADDRESS>', 'a running server, host:port or unix:/path; without it one is started for the call')
    .option(
      '--state-dir <DIR>',
      'where a server started for the call keeps jobs, labels and predictors',
      DEFAULT_STATE_DIR,
    )
    .option(
      '--plugin <SPECIFIER>',
      'a plug-in for a server started for the call: ./knn.js or the name of an installed package; may be repeated',
      (value: string, earlier: readonly string[] = []) => [...earlier, value],
    )
    .option('--server-log', 'show the log of a server started for the call')
    .optionsGroup('Other:');
}
