import { CallError, createClient, type PrunecastClient } from '../../client/index.js';
import type { RunningServerFlags } from '../options/server.js';
import { CommandFailure } from '../output/command-failure.js';
import { addressOf } from './use-server.js';

/**
 * Gives a command a client of the server that it means, which has to run: none is started.
 *
 * @throws CommandFailure if nobody takes connections there
 */
export async function askRunningServer<Result>(
  flags: RunningServerFlags,
  ask: (client: PrunecastClient) => Promise<Result>,
): Promise<Result> {
  const address = addressOf(flags);
  const client = createClient({ address });
  try {
    await client.connect().catch((error: unknown) => {
      throw error instanceof CallError ? new CommandFailure(`no server answers at ${address}`) : error;
    });
    return await ask(client);
  } finally {
    client.close();
  }
}
