import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createClient, startLocalServer, type LocalServer, type PrunecastClient } from '../../client/index.js';
import type { ServerFlags } from '../flags/server.js';
import { writeList } from './environment-list.js';
import { placeAtServer, placeLocally, type GivenPaths, type Places } from './places.js';

/** What a command works with. */
export interface Session {
  readonly client: PrunecastClient;
  readonly places: Places;
  /** Fires when a server of its own ended by itself. */
  readonly serverEnded: AbortSignal | undefined;
}

/**
 * Gives a command a client: of the server at `--address`, or of one that is started as a child process on a unix socket and
 * stopped afterwards, whatever the outcome. Its state stays, so that a later call finds predictors, jobs and labels again.
 */
export async function useServer<Result>(
  flags: ServerFlags,
  paths: GivenPaths,
  use: (session: Session) => Promise<Result>,
): Promise<Result> {
  if (flags.address !== undefined) return useClient({ address: flags.address, places: placeAtServer(paths) }, use);
  const places = placeLocally(paths);
  const server = await startOwnServer(flags, places);
  try {
    return await useClient({ address: server.address, places, serverEnded: server.ended }, use);
  } finally {
    await server.stop();
  }
}

async function useClient<Result>(
  {
    address,
    places,
    serverEnded,
  }: { readonly address: string; readonly places: Places; readonly serverEnded?: AbortSignal },
  use: (session: Session) => Promise<Result>,
): Promise<Result> {
  const client = createClient({ address });
  try {
    return await use({ client, places, serverEnded });
  } finally {
    client.close();
  }
}

function startOwnServer({ stateDir, serverLog }: ServerFlags, { environment }: Places): Promise<LocalServer> {
  const stateDirectory = resolve(stateDir);
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  return startLocalServer({
    environment: {
      // A server for another command has other roots: what was interrupted waits for one that finds its model.
      PRUNECAST_INTERRUPTED_JOBS: 'pause',
      ...environment,
      PRUNECAST_STATE_DIRECTORY: stateDirectory,
      PRUNECAST_LISTEN: writeList([`unix:${socketPath(stateDirectory)}`]),
    },
    ...(serverLog === true && { onLog: (line) => process.stderr.write(`${line}\n`) }),
  });
}

/** One socket a state directory. A socket's path may have 107 bytes on Linux and 103 on macOS. */
function socketPath(stateDirectory: string): string {
  const path = join(stateDirectory, 'server.sock');
  if (Buffer.byteLength(path) <= 100) return path;
  return join(tmpdir(), `prunecast-${createHash('sha256').update(stateDirectory).digest('hex').slice(0, 16)}.sock`);
}
