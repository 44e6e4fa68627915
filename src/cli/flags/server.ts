import type { Command } from 'commander';

/** What every command that talks to a server takes. */
export interface ServerFlags {
  /** Undefined: a server of its own is started for the call. */
  readonly address?: string;
  readonly stateDir: string;
  readonly serverLog?: boolean;
  readonly json?: boolean;
}

/** Flags for the server to be called and for the form of what is printed. */
export function addServerFlags(command: Command): Command {
  return command
    .option('--address <ADDRESS>', 'a running server, host:port or unix:/path; without it one is started for the call')
    .option('--state-dir <DIR>', 'where that one keeps jobs, labels and predictors', '.prunecast')
    .option('--server-log', 'show its log')
    .option('--json', 'print JSON lines: events and answers as proto JSON');
}
