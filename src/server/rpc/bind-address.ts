import { chmod, chown, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Server, ServerCredentials } from '@grpc/grpc-js';
import { listenPrivately } from '../../state-folder/listen-privately.js';
import { MOST_SOCKET_PATH_BYTES } from '../../state-folder/socket-paths.js';
import { describeRefusal } from '../config/describe-refusal.js';
import type { Config } from '../config/config.js';
import { findGroup } from '../config/find-group.js';

const UNIX = 'unix:';

export function isSocket(address: string): boolean {
  return address.startsWith(UNIX);
}

/**
 * Makes a server listen on `unix:/path` for the users that the settings name. Nobody else may connect at any moment:
 * the socket begins as this user's alone.
 *
 * @throws Error if this process may not give the socket to that group
 */
export async function bindSharedSocket(
  server: Server,
  address: string,
  { socketMode, socketGroup }: Pick<Config, 'socketMode' | 'socketGroup'>,
): Promise<string> {
  const group = socketGroup === undefined ? undefined : await findGroup(socketGroup);
  await bindAddress(server, address, ServerCredentials.createInsecure());
  const path = address.slice(UNIX.length);
  if (group !== undefined)
    await chown(path, process.getuid?.() ?? -1, group).catch((error: unknown) => {
      throw new Error(
        `${address} cannot be given to the group ${socketGroup} (socketGroup): run the server as a member of it`,
        { cause: error },
      );
    });
  await chmod(path, Number.parseInt(socketMode, 8));
  return address;
}

/**
 * Makes a server listen on `host:port` or `unix:/path`; returns the address that clients can call, its port filled in.
 * Only the user of this process may connect to a socket. A socket that a killed server left behind is removed; one that
 * a live server listens on is an error.
 */
export async function bindAddress(
  server: Server,
  address: string,
  credentials: ServerCredentials,
  setting: AddressSetting = LISTEN,
): Promise<string> {
  if (!address.startsWith(UNIX)) {
    const port = await bind(server, { address, setting }, credentials);
    return `${address.slice(0, address.lastIndexOf(':'))}:${port}`;
  }
  const path = address.slice(UNIX.length);
  if (Buffer.byteLength(path) > MOST_SOCKET_PATH_BYTES)
    throw new Error(
      `${address}: the path of a socket may have at most ${MOST_SOCKET_PATH_BYTES} bytes: choose a shorter one`,
    );
  await mkdir(dirname(path), { recursive: true });
  await listenPrivately(path, () => bind(server, { address, setting }, credentials));
  return address;
}

type AddressSetting = Parameters<typeof describeRefusal>[2];

const LISTEN: AddressSetting = { flag: '--listen', variable: 'PRUNECAST_LISTEN', example: '127.0.0.1:0' };

function bind(
  server: Server,
  { address, setting }: { readonly address: string; readonly setting: AddressSetting },
  credentials: ServerCredentials,
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error) reject(new Error(describeRefusal(address, error, setting), { cause: error }));
      else resolve(port);
    });
  });
}
