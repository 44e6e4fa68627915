import { CallError, type PrunecastClient } from '../../client/index.js';
import { RequestError } from '../output/request-error.js';

/**
 * Ends a command at once if nobody takes connections at an address, with the command that starts a server there: a
 * server that was never reached is no lost one, which is waited for.
 *
 * @throws RequestError UNAVAILABLE
 */
export async function requireAnswer({ connect }: Pick<PrunecastClient, 'connect'>, address: string): Promise<void> {
  await connect().catch((error: unknown) => {
    if (!(error instanceof CallError)) throw error;
    const message = `${error.message}: check the address, start a server there, or leave out --address to use the server of your state folder`;
    throw new RequestError(message, error, [], [{ why: 'to start one there', words: ['serve', '--listen', address] }]);
  });
}
