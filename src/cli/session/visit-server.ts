import { setTimeout as pause } from 'node:timers/promises';
import { startLocalServer, type LocalServer } from '../../client/index.js';
import { attend, type Visit } from '../../state-folder/attend.js';
import { nameAnywhere } from '../../state-folder/greeting.js';
import { findSockets } from '../../state-folder/socket-paths.js';
import { makeStateDirectory } from '../../state-folder/state-directory.js';
import { StateInUse } from '../../state-folder/state-in-use.js';
import { CommandFailure } from '../output/command-failure.js';
import { readVersion } from '../proto/package-root.js';
import { writeList } from './environment-list.js';
import { trustUser } from './places.js';

/** Which server, and how to start it if it is not there. */
export interface Wanted {
  readonly stateDirectory: string;
  /** Besides the built-in ones: `./knn.js`, or the name of a package. */
  readonly plugins: readonly string[];
  /** Sees each line of the log of a server that is started. */
  readonly onLog?: (line: string) => void;
}

/** How long to wait for a server that has the state folder and greets nobody: it is starting, or about to end. */
const MOST_WAIT_MS = 60_000;
const BETWEEN_TRIES_MS = 100;

/**
 * Attends the server of a state folder: the one that is there, whoever started it, or one that is started as a child
 * process and ends with the last command that attends it.
 *
 * @throws CommandFailure if the one that is there is of another version or lacks a plug-in, and Error if it may be
 * somebody else's, or none can be started
 */
export async function visitServer(wanted: Wanted): Promise<Visit> {
  const { stateDirectory } = wanted;
  makeStateDirectory(stateDirectory);
  const { attendance } = findSockets(stateDirectory);
  const giveUpAt = Date.now() + MOST_WAIT_MS;
  for (;;) {
    const visit = await attend(attendance);
    if (visit !== undefined) return requireFitting(visit, wanted);
    try {
      return await startServer(wanted, attendance);
    } catch (error) {
      // Another command was faster, or its server is still writing down what it knows.
      if (!(error instanceof StateInUse) || Date.now() > giveUpAt) throw error;
      await pause(BETWEEN_TRIES_MS);
    }
  }
}

async function startServer({ stateDirectory, plugins, onLog }: Wanted, attendance: string): Promise<Visit> {
  const server = await startLocalServer({
    environment: {
      // Commands come and go: an interrupted job waits until one asks for it.
      PRUNECAST_INTERRUPTED_JOBS: 'pause',
      ...trustUser(),
      PRUNECAST_STATE_DIRECTORY: stateDirectory,
      PRUNECAST_STARTED_BY_COMMAND: 'true',
      PRUNECAST_EXIT_ON_STDIN_END: '',
      ...(plugins.length > 0 && { PRUNECAST_PLUGINS: writeList(plugins.map(nameAnywhere)) }),
    },
    ...(onLog !== undefined && { onLog }),
  });
  const visit = await attendStarted(server, attendance);
  server.release();
  return visit;
}

async function attendStarted(server: LocalServer, attendance: string): Promise<Visit> {
  const visit = await attend(attendance).catch(async (error: unknown) => {
    await server.stop();
    throw error;
  });
  if (visit !== undefined) return visit;
  await server.stop();
  throw new CommandFailure('the server that was started for this call has ended: run it with --server-log to see why');
}

async function requireFitting(visit: Visit, { stateDirectory, plugins }: Wanted): Promise<Visit> {
  const { version, processId, kind, plugins: loaded } = visit.greeting;
  const other = `${kind === 'serve' ? 'stop it' : 'wait until the commands that use it have ended'}, or name another state folder with --state-dir DIR`;
  const missing = plugins.find((specifier) => !loaded.includes(nameAnywhere(specifier)));
  if (version === readVersion() && missing === undefined) return visit;
  await visit.leave({ graceMs: 0 });
  throw new CommandFailure(
    missing === undefined
      ? `a server of Prunecast ${version} (process ${processId}) uses the state folder ${stateDirectory}, and this is ${readVersion()}: ${other}`
      : `the server that uses the state folder ${stateDirectory} (process ${processId}) runs without the plug-in ${missing}: ${other}`,
  );
}
