import { ConnectionFault } from '../../client/connection-fault.js';
import { CallError, createClient, type PrunecastClient } from '../../client/index.js';
import { findSockets } from '../../state-folder/socket-paths.js';
import type { RunningServerFlags } from '../options/server.js';
import { CommandFailure } from '../output/command-failure.js';
import { findAccess, type Access } from './access.js';
import { findStateDirectory } from './state-directory.js';

/**
 * Gives a command a client of the server that it means, which has to run: none is started.
 *
 * @throws CommandFailure if nobody takes connections there
 */
export async function askRunningServer<Result>(
  flags: RunningServerFlags,
  ask: (client: PrunecastClient) => Promise<Result>,
): Promise<Result> {
  const { address, connect, explain } = await findRunning(flags);
  const client = connect();
  try {
    await client.connect().catch((error: unknown) => {
      throw error instanceof CallError && !(error instanceof ConnectionFault)
        ? new CommandFailure(`no server answers at ${address}`)
        : error;
    });
    return await ask(client);
  } catch (error) {
    throw explain(error);
  } finally {
    client.close();
  }
}

/** The server elsewhere that a command means, or that of its state folder, whether it runs or not. */
export async function findRunning(flags: RunningServerFlags): Promise<Access> {
  const access = findAccess(flags);
  if (access !== undefined) return access;
  const address = `unix:${findSockets(await findStateDirectory(flags)).calls}`;
  return { address, named: '', connect: () => createClient({ address }), explain: (error) => error };
}
