import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Server, ServerCredentials } from '@grpc/grpc-js';
import { listenPrivately } from '../../state-folder/listen-privately.js';
import { MOST_SOCKET_PATH_BYTES } from '../../state-folder/socket-paths.js';
import { describeRefusal } from '../config/describe-refusal.js';
import type { Config } from '../config/config.js';

const UNIX = 'unix:';

/** The server's key and certificate, or no encryption if none is configured. */
export async function createCredentials({
  tlsCertificate,
  tlsKey,
}: Pick<Config, 'tlsCertificate' | 'tlsKey'>): Promise<ServerCredentials> {
  if (tlsCertificate === undefined || tlsKey === undefined) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(null, [
    { cert_chain: await readFile(tlsCertificate), private_key: await readFile(tlsKey) },
  ]);
}

/**
 * Makes a server listen on `host:port` or `unix:/path`; returns the address that clients can call, its port filled in.
 * Only the user of this process may connect to a socket. A socket that a killed server left behind is removed; one that
 * a live server listens on is an error.
 */
export async function bindAddress(server: Server, address: string, credentials: ServerCredentials): Promise<string> {
  if (!address.startsWith(UNIX)) {
    const port = await bind(server, address, credentials);
    return `${address.slice(0, address.lastIndexOf(':'))}:${port}`;
  }
  const path = address.slice(UNIX.length);
  if (Buffer.byteLength(path) > MOST_SOCKET_PATH_BYTES)
    throw new Error(
      `${address}: the path of a socket may have at most ${MOST_SOCKET_PATH_BYTES} bytes: choose a shorter one`,
    );
  await mkdir(dirname(path), { recursive: true });
  await listenPrivately(path, () => bind(server, address, credentials));
  return address;
}

const LISTEN = { flag: '--listen', variable: 'PRUNECAST_LISTEN', example: '127.0.0.1:0' } as const;

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error) reject(new Error(describeRefusal(address, error, LISTEN), { cause: error }));
      else resolve(port);
    });
  });
}
