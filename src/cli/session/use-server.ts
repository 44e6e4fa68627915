import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CallError, createClient, type PrunecastClient } from '../../client/index.js';
import { nameAnywhere } from '../../state-folder/greeting.js';
import { findSockets } from '../../state-folder/socket-paths.js';
import type { ServerFlags } from '../options/server.js';
import { stay } from '../../state-folder/stay.js';
import { createPrinter } from '../output/printer.js';
import { RequestError } from '../output/request-error.js';
import { findAccess } from './access.js';
import { adviseRoots } from './advise-roots.js';
import { LostServer } from './lost-server.js';
import { AT_SERVER, ON_THIS_MACHINE, type Places } from './places.js';
import { requireAnswer } from './require-answer.js';
import { writeResumeCommand, writeWatchCommand } from './resume-command.js';
import { findStateDirectory } from './state-directory.js';
import { visitServer } from './visit-server.js';

/** What a command works with. */
export interface Session {
  readonly client: PrunecastClient;
  readonly places: Places;
  /** Whether the server goes on when no command uses it: `serve`, or one at an address. */
  readonly serverStays: boolean;
  /** Fires when the server is gone for good; undefined for one at an address, which only answers or does not. */
  readonly serverEnded: AbortSignal | undefined;
  /** What became of a job whose server is gone, and which command goes on with it. */
  readonly describeLost: (jobId: string) => string;
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
  const access = findAccess(flags);
  if (access !== undefined) {
    const describeLost = (jobId: string) =>
      `the server at ${access.address} no longer answers. Job ${jobId} goes on when it is back; to watch it then: ${writeWatchCommand(jobId, flags)}`;
    try {
      return await useClient(
        access.connect(),
        { places: AT_SERVER, serverStays: true, serverEnded: undefined, resumeCommand, describeLost },
        async (session) => {
          await requireAnswer(session.client, access);
          return use(session);
        },
      );
    } catch (error) {
      throw access.explain(error);
    }
  }
  const { plugin = [], serverLog } = flags;
  if (isEarlierStateHere(flags)) createPrinter(flags).note(EARLIER_STATE);
  const stateDirectory = await findStateDirectory(flags);
  const visit = await visitServer({
    stateDirectory,
    plugins: plugin,
    ...(serverLog === true && { onLog: (line) => process.stderr.write(`${line}\n`) }),
  });
  const { address, kind, processId, plugins } = visit.greeting;
  const serverStays = kind === 'serve';
  const { ended: serverEnded, leave } = serverStays ? stay(visit, findSockets(stateDirectory).attendance) : visit;
  const describeLost = (jobId: string) =>
    serverStays
      ? `\`prunecast serve\` (process ${processId}) has ended, and none has come in its place. What job ${jobId} has measured is kept: it goes on when \`prunecast serve\` is started again, or without it by: ${writeResumeCommand(jobId, { ...flags, plugin: addMissing(plugin, plugins) })}`
      : `the server that a command had started has ended before its time; --server-log tells why one ends. What job ${jobId} has measured is kept; to go on with it: ${resumeCommand(jobId)}`;
  try {
    return await useClient(
      // A server that a command has started does not come back.
      createClient({ address, ...(!serverStays && { retry: false }) }),
      { places: ON_THIS_MACHINE, serverStays, serverEnded, resumeCommand, describeLost },
      use,
    );
  } catch (error) {
    if (error instanceof RequestError && error.failure instanceof LostServer) throw error;
    if (!serverStays && (await hasEnded(serverEnded, error))) throw describeEnded(error);
    throw serverStays ? adviseRoots(error, visit.greeting, process.argv.slice(2)) : error;
  } finally {
    await leave();
  }
}

/** Plug-ins of a server in addition to those that were asked for, each once. */
function addMissing(asked: readonly string[], loaded: readonly string[]): string[] {
  const known = new Set(asked.map(nameAnywhere));
  return [...asked, ...loaded.filter((specifier) => !known.has(specifier))];
}

/** Where versions before the first release kept the state: in the current folder. */
const EARLIER_STATE_FOLDER = '.prunecast';
const EARLIER_STATE = `${EARLIER_STATE_FOLDER} in this folder has jobs and labels of an earlier version: --state-dir ${EARLIER_STATE_FOLDER} uses them`;

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

function causeOf(error: unknown): CallError | undefined {
  return error instanceof RequestError ? error.failure : error instanceof CallError ? error : undefined;
}

async function useClient<Result>(
  client: PrunecastClient,
  session: Omit<Session, 'client'>,
  use: (session: Session) => Promise<Result>,
): Promise<Result> {
  try {
    return await use({ ...session, client });
  } finally {
    client.close();
  }
}
