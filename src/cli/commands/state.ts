import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { InvalidArgumentError, type Command } from 'commander';
import { STATE_TOOLS_MAIN } from '../../client/server-main.js';
import { formatBytes } from '../../words/format.js';
import { BYTE_UNITS, readQuantity, TIME_UNITS } from '../../words/quantities.js';
import { addFlags, DRY_RUN, PathArgument } from '../options/flag-option.js';
import { addServerFlags, CONFIG_FLAG, type ServerFlags } from '../options/server.js';
import { CommandFailure, type FailureDetails } from '../output/command-failure.js';
import { printCheck, type Check } from '../output/print-check.js';
import { createPrinter } from '../output/printer.js';
import { stateVariables } from '../session/state-directory.js';

/** `prunecast state`: the state folder itself, without a server; all but `prune` work while one has it. */
export function addStateCommand(program: Command): void {
  const state = program
    .command('state')
    .description('back up, check, export and prune the folder with jobs, labels, studies and predictors');
  addBackup(state);
  addCheck(state);
  addExport(state);
  addPrune(state);
}

interface Backup {
  readonly folder: string;
  readonly digest: string;
  readonly bytes: number;
  readonly schema: number;
  readonly jobs: number;
  readonly labels: number;
  readonly studies: number;
}

function addBackup(state: Command): void {
  const command = state
    .command('backup')
    .addArgument(new PathArgument('<FOLDER>', { from: 'folders' }))
    .description(
      'copy the state to a new folder, as it is at one moment, while a server may go on with it; `serve --state-dir FOLDER` restores it',
    );
  addServerFlags(command, CONFIG_FLAG).action(async (folder: string, flags: ServerFlags) => {
    const printer = createPrinter(flags);
    for await (const line of runTask({ task: 'backup', target: resolve(folder) }, flags)) {
      const backup = line as Backup;
      if (printer.format === 'json') printer.json({ ...backup });
      else {
        printer.lines({ verbatim: backup.folder });
        printer.lines(
          `${count(backup.jobs, 'job')}, ${count(backup.labels, 'label')}, ${count(backup.studies, 'study', 'studies')}; prunecast.db has ${formatBytes(backup.bytes)}, SHA-256 ${backup.digest}`,
        );
      }
    }
  });
}

function addCheck(state: Command): void {
  const command = state
    .command('check')
    .description('read all of the state and say whether it is whole, and how large each part is; nothing is written');
  addServerFlags(command, CONFIG_FLAG).action(async (flags: ServerFlags) => {
    const printer = createPrinter(flags);
    const failed = new Set<string>();
    for await (const line of runTask({ task: 'check' }, flags)) {
      const check = line as Check;
      if (check.state === 'fail') failed.add(check.name);
      printCheck(check, printer, flags);
    }
    if (failed.size > 0) throw new CommandFailure(`not all is well: ${[...failed].join(', ')}`);
  });
}

const EXPORTED = ['jobs', 'labels', 'studies'] as const;

function addExport(state: Command): void {
  const command = state
    .command('export')
    .description(
      'print jobs, labels, and studies with their trials as JSON lines for other programs, each under its kind: {"job": …}',
    );
  addFlags(command, {
    flags: `--only <${EXPORTED.join('|')}>`,
    summary: 'one kind instead of all',
    proposes: { from: 'names', names: EXPORTED },
    repeats: true,
  });
  addServerFlags(command, CONFIG_FLAG).action(async (flags: ServerFlags & { readonly only?: readonly string[] }) => {
    const wrong = flags.only?.find((kind) => !EXPORTED.some((known) => known === kind));
    if (wrong !== undefined) throw new InvalidArgumentError(`--only ${wrong}: allowed are ${EXPORTED.join(', ')}.`);
    await runTask({ task: 'export', kinds: flags.only }, flags, 'pass-on').next();
  });
}

interface Pruned {
  readonly jobs: number;
  readonly events: number;
  readonly labels: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

interface PruneFlags extends ServerFlags {
  readonly olderThan?: string;
  readonly keepBytes?: string;
  readonly labelsOfStudies?: boolean;
  readonly dryRun?: boolean;
}

function addPrune(state: Command): void {
  const command = state
    .command('prune')
    .description(
      'remove old jobs that have ended, with their events, and old labels, while no server has the state; studies and predictors stay',
    );
  addFlags(
    command,
    { flags: '--older-than <TIME>', summary: 'what ended, or was measured, so long ago: 30d, 12h' },
    {
      flags: '--keep-bytes <SIZE>',
      summary: 'then the oldest, jobs before labels, until the database has no more than this: 2GiB, 500MB',
    },
    {
      flags: '--labels-of-studies',
      summary:
        'labels of checkpoints that a study is about too; by default they are kept, and save the next search time',
    },
    DRY_RUN,
  );
  addServerFlags(command, CONFIG_FLAG).action(async (flags: PruneFlags) => {
    const { olderThan, keepBytes, labelsOfStudies = false, dryRun = false } = flags;
    if (olderThan === undefined && keepBytes === undefined)
      throw new InvalidArgumentError('give a limit: --older-than 30d, --keep-bytes 2GiB, or both.');
    const printer = createPrinter(flags);
    const task = {
      task: 'prune',
      ...(olderThan !== undefined && { olderThanMs: parseTime(olderThan) }),
      ...(keepBytes !== undefined && { keepBytes: parseSize(keepBytes) }),
      labelsOfStudies: labelsOfStudies ? 'prune' : 'keep',
      mode: dryRun ? 'dry' : 'remove',
    };
    for await (const line of runTask(task, flags)) {
      const pruned = line as Pruned;
      if (printer.format === 'json') printer.json({ ...pruned, dryRun });
      else
        printer.lines(
          `${dryRun ? 'would remove' : 'removed'} ${count(pruned.jobs, 'job')} with ${count(pruned.events, 'event')}, and ${count(pruned.labels, 'label')}: ${formatBytes(pruned.bytesBefore)} before, ${formatBytes(pruned.bytesAfter)} afterwards`,
        );
    }
  });
}

/** Milliseconds. */
function parseTime(text: string): number {
  const ms = readQuantity(text, TIME_UNITS);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError(`--older-than ${text}: give minutes, hours, days or weeks: 90m, 12h, 30d, 4w.`);
}

function parseSize(text: string): number {
  const bytes = /^\d+$/.test(text) ? Number(text) : readQuantity(text, BYTE_UNITS);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError(`--keep-bytes ${text}: give bytes, or a number with kB, MB, GB, KiB, MiB or GiB.`);
}

function count(amount: number, one: string, many = `${one}s`): string {
  return `${amount} ${amount === 1 ? one : many}`;
}

/**
 * Has a task done by a process of its own; what it prints, line by line, or passed on to standard output as it is.
 *
 * @throws CommandFailure with what it failed with
 */
async function* runTask(
  task: object,
  flags: ServerFlags,
  output: 'read' | 'pass-on' = 'read',
): AsyncGenerator<unknown, void, undefined> {
  if (flags.address !== undefined)
    throw new InvalidArgumentError('--address: the state is a folder of this machine; name it with --state-dir.');
  const child = spawn(process.execPath, [STATE_TOOLS_MAIN, JSON.stringify(task)], {
    env: { ...process.env, ...stateVariables(flags) },
    stdio: ['ignore', output === 'read' ? 'pipe' : 'inherit', 'pipe'],
  });
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  if (child.stdout !== null)
    for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line) as unknown;
  const [code, signal] = await ended;
  if (code !== 0) throw readFailure(complaint.trim(), signal ?? `exit code ${code}`);
}

function readFailure(complaint: string, end: string): CommandFailure {
  try {
    const { message, ...details } = JSON.parse(complaint) as { readonly message: string } & Partial<FailureDetails>;
    const { code, reason, metadata } = details;
    return new CommandFailure(
      message,
      code === undefined || reason === undefined ? undefined : { code, reason, ...(metadata && { metadata }) },
    );
  } catch {
    return new CommandFailure(
      `the process that read the state ended with ${end}${complaint === '' ? '' : `: ${complaint}`}`,
    );
  }
}
