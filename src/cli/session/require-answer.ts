import { CallError, type PrunecastClient } from '../../client/index.js';
import { ConnectionFault } from '../../client/connection-fault.js';
import { RequestError } from '../output/request-error.js';
import type { Access } from './access.js';

/**
 * Ends a command at once if nobody takes connections at an address, with the command that starts a server there: a
 * server that was never reached is no lost one, which is waited for.
 *
 * @throws RequestError UNAVAILABLE; ConnectionFault if a server is there
 */
export async function requireAnswer(
  { connect }: Pick<PrunecastClient, 'connect'>,
  { address, named }: Pick<Access, 'address' | 'named'>,
): Promise<void> {
  await connect().catch((error: unknown) => {
    if (!(error instanceof CallError) || error instanceof ConnectionFault) throw error;
    const wayOut = named.startsWith('--') ? `leave out ${named}` : `unset ${named}`;
    const message = `${error.message}: check the address, start a server there, or ${wayOut} to use the server of your state folder`;
    throw new RequestError(message, error, [], [{ why: 'to start one there', words: ['serve', '--listen', address] }]);
  });
}
