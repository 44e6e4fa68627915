import type { Command } from 'commander';

/** What every command that talks to a server takes. */
export interface ServerFlags {
  /** Undefined: a server is started for this call alone. */
  readonly address?: string;
  readonly stateDir: string;
  readonly serverLog?: boolean;
  /** Plug-ins of a server that is started for this call. */
  readonly plugin?: readonly string[];
  readonly json?: boolean;
}

/** Where a server that is started for a call keeps its state. */
export const DEFAULT_STATE_DIR = '.prunecast';

/** Flags for the form of what is printed and for the server to call. */
export function addServerFlags(command: Command): Command {
  return command
    .optionsGroup('Printing:')
    .option('--json', 'print JSON lines: events and answers as proto JSON, errors too')
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
