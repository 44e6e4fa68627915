import { Command } from 'commander';
import type { FlagForm } from '../../flags/request-flag.js';
import type { PrintFlags } from '../output/printer.js';
import { ACCESS_FLAGS, ACCESS_FORMS, nameFlag, type AccessValues } from './access-flags.js';
import { addFlags } from './flag-option.js';
import { showLast } from './short-help.js';

/** What every command that talks to a server takes. */
export interface ServerFlags extends PrintFlags, AccessValues {
  /** Undefined: PRUNECAST_STATE_DIRECTORY, or the user's own state folder. */
  readonly stateDir?: string;
  /** Of commands that have `CONFIG_FLAG`. Undefined: PRUNECAST_CONFIG, or none. */
  readonly config?: string;
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
  ...ACCESS_FORMS,
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

/** Of commands for those who run servers. */
export const CONFIG_FLAG: FlagForm = {
  flags: '--config <FILE>',
  summary: 'the file of settings of that server, which names its state folder',
  proposes: { from: 'files' },
};

/** Of commands that ask a server which runs already. */
export type RunningServerFlags = PrintFlags & AccessValues & Pick<ServerFlags, 'stateDir' | 'config'>;

const RUNNING_SERVER_FLAGS: readonly FlagForm[] = [
  ...ACCESS_FORMS,
  {
    flags: '--state-dir <DIR>',
    summary: 'the folder in which that server keeps its state, instead of your own state folder',
    proposes: { from: 'folders' },
  },
  CONFIG_FLAG,
];

/** Flags for the form of what is printed and for a server to call that is not started if none runs. */
export function addRunningServerFlags(command: Command): Command {
  return showLast(addAll(command, RUNNING_SERVER_FLAGS), RARE);
}

/** Flags for the form of what is printed and for the server to call. */
export function addServerFlags(command: Command, ...more: readonly FlagForm[]): Command {
  return showLast(addAll(command, [...SERVER_FLAGS, ...more]), RARE);
}

const RARE = ACCESS_FLAGS.map(nameFlag).filter((flag) => flag !== '--address');

function addAll(command: Command, serverFlags: readonly FlagForm[]): Command {
  addFlags(command.optionsGroup('Printing:'), ...PRINT_FLAGS);
  return addFlags(command.optionsGroup('Server:'), ...serverFlags).optionsGroup('Other:');
}

/** The flags that most commands have, and that may therefore stand before a command too. */
export const GLOBAL_OPTIONS = addAll(new Command(), SERVER_FLAGS).options;
