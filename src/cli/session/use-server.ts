import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createClient, startLocalServer, type LocalServer, type PrunecastClient } from '../../client/index.js';
import type { ServerFlags } from '../flags/server.js';
import { writeList } from './environment-list.js';
import { placeAtServer, placeLocally, type GivenPaths, type Places } from './places.js';
import { writeResumeCommand } from './resume-command.js';

/** What a command works with. */
export interface Session {
  readonly client: PrunecastClient;
  readonly places: Places;
  /** Fires when the server that was started for this call ends by itself; undefined with `--address`. */
  readonly serverEnded: AbortSignal | undefined;
  /** The command line that resumes a job that this call leaves behind. */
  readonly resumeCommand: (jobId: string) => string;
}

/**
 * Gives a command a client of the server at `--address`, or of a server that is started as a child process on a unix
 * socket and always stopped afterwards. The state of such a server stays, so that a later call finds predictors, jobs
 * and labels.
 */
export async function useServer<Result>(
  flags: ServerFlags,
  paths: GivenPaths,
  use: (session: Session) => Promise<Result>,
): Promise<Result> {
  const resumeCommand = (jobId: string) => writeResumeCommand(jobId, flags, paths);
  if (flags.address !== undefined)
    return useClient(flags.address, { places: placeAtServer(paths), serverEnded: undefined, resumeCommand }, use);
  const places = placeLocally(paths);
  const server = await startOwnServer(flags, places);
  try {
    return await useClient(server.address, { places, serverEnded: server.ended, resumeCommand }, use);
  } finally {
    await server.stop();
  }
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

function startOwnServer({ stateDir, serverLog, plugin }: ServerFlags, { environment }: Places): Promise<LocalServer> {
  const stateDirectory = resolve(stateDir);
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  return startLocalServer({
    environment: {
      // The server of another command has other roots: an interrupted job waits for a server that finds its model.
      PRUNECAST_INTERRUPTED_JOBS: 'pause',
      ...environment,
      PRUNECAST_STATE_DIRECTORY: stateDirectory,
      ...(plugin !== undefined && { PRUNECAST_PLUGINS: writeList(plugin) }),
      PRUNECAST_LISTEN: writeList([`unix:${socketPath(stateDirectory)}`]),
    },
    ...(serverLog === true && { onLog: (line) => process.stderr.write(`${line}\n`) }),
  });
}

/** One socket per state directory. A socket's path may have 107 bytes on Linux and 103 on macOS. */
function socketPath(stateDirectory: string): string {
  const path = join(stateDirectory, 'server.sock');
  if (Buffer.byteLength(path) <= 100) return path;
  return join(tmpdir(), `prunecast-${createHash('sha256').update(stateDirectory).digest('hex').slice(0, 16)}.sock`);
}
