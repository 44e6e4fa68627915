import { Command } from 'commander';
import type { FlagForm } from '../../flags/request-flag.js';
import type { PrintFlags } from '../output/printer.js';
import { addFlags } from './flag-option.js';

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

/** For the form of what is printed. */
export const PRINT_FLAGS: readonly FlagForm[] = [
  { flags: '--json', summary: 'print JSON lines: events and answers as proto JSON, errors too' },
  { flags: '-q, --quiet', summary: 'print the result and errors only: no progress, no notes' },
  {
    flags: '--no-color',
    summary: 'print without colours, as with NO_COLOR; FORCE_COLOR prints them to files too',
  },
];

const SERVER_FLAGS: readonly FlagForm[] = [
  {
    flags: '--address <ADDRESS>',
    summary:
      'a server elsewhere, host:port or unix:/path; by default that of the state folder, which is started if none runs',
  },
  {
    flags: '--state-dir <DIR>',
    summary: 'where jobs, labels and predictors are kept, instead of your own state folder',
    proposes: { from: 'folders' },
  },
  {
    flags: '--plugin <SPECIFIER>',
    summary:
      'a plug-in for the server of the state folder: ./knn.js, the name of an installed package, unix:/run/knn.sock, grpcs://host:50061 or "exec:python knn.py"',
    proposes: { from: 'files' },
    repeats: true,
  },
  { flags: '--server-log', summary: 'show the log of the server if this call starts it' },
];

/** Of commands that ask a server which runs already. */
export interface RunningServerFlags extends PrintFlags {
  /** Undefined: the server of the state folder. */
  readonly address?: string;
  readonly stateDir?: string;
}

const RUNNING_SERVER_FLAGS: readonly FlagForm[] = [
  {
    flags: '--address <ADDRESS>',
    summary: 'host:port or unix:/path without TLS; by default the server of the state folder',
  },
  {
    flags: '--state-dir <DIR>',
    summary: 'the folder in which that server keeps its state, instead of your own state folder',
    proposes: { from: 'folders' },
  },
];

/** Flags for the form of what is printed and for a server to call that is not started if none runs. */
export function addRunningServerFlags(command: Command): Command {
  addFlags(command.optionsGroup('Printing:'), ...PRINT_FLAGS);
  return addFlags(command.optionsGroup('Server:'), ...RUNNING_SERVER_FLAGS).optionsGroup('Other:');
}

/** Flags for the form of what is printed and for the server to call. */
export function addServerFlags(command: Command): Command {
  addFlags(command.optionsGroup('Printing:'), ...PRINT_FLAGS);
  return addFlags(command.optionsGroup('Server:'), ...SERVER_FLAGS).optionsGroup('Other:');
}

/** The flags that most commands have, and that may therefore stand before a command too. */
export const GLOBAL_OPTIONS = addServerFlags(new Command()).options;
