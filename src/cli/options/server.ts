import type { Command } from 'commander';
import type { PrintFlags } from '../output/printer.js';

/** What every command that talks to a server takes. */
export interface ServerFlags extends PrintFlags {
  /** Undefined: the server of the state folder, which is started if needed. */
  readonly address?: string;
  /** Undefined: PRUNECAST_STATE_DIRECTORY, or the user's own state folder. */
  readonly stateDir?: string;
  readonly serverLog?: boolean;
  /** Plug-ins of that server. */
  readonly plugin?: readonly string[];
}

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
    .option(
      '--address <ADDRESS>',
      'a server elsewhere, host:port or unix:/path; by default that of the state folder, which is started if none runs',
    )
    .option('--state-dir <DIR>', 'where jobs, labels and predictors are kept, instead of your own state folder')
    .option(
      '--plugin <SPECIFIER>',
      'a plug-in for the server of the state folder: ./knn.js or the name of an installed package; may be repeated',
      (value: string, earlier: readonly string[] = []) => [...earlier, value],
    )
    .option('--server-log', 'show the log of the server if this call starts it')
    .optionsGroup('Other:');
}
