import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CallError, createClient, type PrunecastClient } from '../../client/index.js';
import type { Greeting } from '../../state-folder/greeting.js';
import { defaultStateDirectory, expandHome } from '../../state-folder/state-directory.js';
import type { ServerFlags } from '../options/server.js';
import { createPrinter } from '../output/printer.js';
import { RequestError } from '../output/request-error.js';
import { AT_SERVER, ON_THIS_MACHINE, type Places } from './places.js';
import { writeResumeCommand } from './resume-command.js';
import { visitServer } from './visit-server.js';

/** What a command works with. */
export interface Session {
  readonly client: PrunecastClient;
  readonly places: Places;
  /** Fires when the server ends; undefined for one that may come back, which `serve` runs. */
  readonly serverEnded: AbortSignal | undefined;
  /** The command line that resumes a job that this call leaves behind. */
  readonly resumeCommand: (jobId: string) => string;
}

/**
 * Gives a command a client of the server at `--address`, or of that of its state folder: one that runs there already,
 * or one that is started and ends with the last command that uses it. The state stays, so that a later call finds
 * predictors, jobs and labels.
 */
export async function useServer<Result>(
  flags: ServerFlags,
  use: (session: Session) => Promise<Result>,
): Promise<Result> {
  const resumeCommand = (jobId: string) => writeResumeCommand(jobId, flags);
  if (flags.address !== undefined)
    return useClient(flags.address, { places: AT_SERVER, serverEnded: undefined, resumeCommand }, use);
  const { plugin = [], serverLog } = flags;
  if (isEarlierStateHere(flags)) createPrinter(flags).note(EARLIER_STATE);
  const visit = await visitServer({
    stateDirectory: stateDirectoryOf(flags),
    plugins: plugin,
    ...(serverLog === true && { onLog: (line) => process.stderr.write(`${line}\n`) }),
  });
  const { address, kind } = visit.greeting;
  const serverEnded = kind === 'of-a-command' ? visit.ended : undefined;
  try {
    return await useClient(address, { places: ON_THIS_MACHINE, serverEnded, resumeCommand }, use);
  } catch (error) {
    if (serverEnded !== undefined && (await hasEnded(serverEnded, error))) throw describeEnded(error);
    if (kind === 'serve') throw adviseServe(error, visit.greeting);
    throw error;
  } finally {
    await visit.leave();
  }
}

/** Where versions before the first release kept the state: in the current folder. */
const EARLIER_STATE_FOLDER = '.prunecast';
const EARLIER_STATE = `${EARLIER_STATE_FOLDER} in this folder has jobs and labels of an earlier version: --state-dir ${EARLIER_STATE_FOLDER} uses them`;

function stateDirectoryOf({ stateDir }: ServerFlags, environment = process.env): string {
  const given = stateDir ?? environment['PRUNECAST_STATE_DIRECTORY'];
  return given === undefined || given === '' ? defaultStateDirectory({ environment }) : resolve(expandHome(given));
}

function isEarlierStateHere({ stateDir }: ServerFlags): boolean {
  return (
    stateDir === undefined &&
    (process.env['PRUNECAST_STATE_DIRECTORY'] ?? '') === '' &&
    existsSync(join(EARLIER_STATE_FOLDER, 'prunecast.db'))
  );
}

/** A call may fail a moment before its server is seen to have ended. */
async function hasEnded(ended: AbortSignal, error: unknown): Promise<boolean> {
  if (!ended.aborted && causeOf(error)?.code === 'UNAVAILABLE')
    await once(ended, 'abort', { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
  return ended.aborted;
}

function describeEnded(cause: unknown): CallError {
  return new CallError(
    'the server that a command had started has ended before its time: the next command starts another, `prunecast jobs list` shows what it left, and --server-log tells why one ends',
    { code: 'UNAVAILABLE', cause },
  );
}

/** What is not under the roots of a server that `serve` runs can only be read by another server. */
function adviseServe(error: unknown, { processId }: Greeting): unknown {
  const { reason } = causeOf(error) ?? {};
  if (!(error instanceof Error) || reason === undefined || !UNDER_ROOTS.has(reason)) return error;
  error.message += `. Your state folder is used by \`prunecast serve\` (process ${processId}), which reads and writes under its own roots only: add a root there, or name another state folder with --state-dir DIR`;
  return error;
}

const UNDER_ROOTS: ReadonlySet<string> = new Set(['MODEL_NOT_FOUND', 'TEXT_NOT_FOUND', 'PATH_OUTSIDE_ROOTS']);

function causeOf(error: unknown): CallError | undefined {
  return error instanceof RequestError ? error.failure : error instanceof CallError ? error : undefined;
}

async function useClient<Result>(
  address: string,
  session: Omit<Session, 'client'>,
  use: (session: Session) => Promise<Result>,
): Promise<Result> {
  const client = createClient({ address });
  try {
    return await use({ ...session, client });
  } finally {
    client.close();
  }
}
