import { chmod, lstat, mkdir, readFile, unlink } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { type Server, ServerCredentials } from '@grpc/grpc-js';
import type { Config } from '../config/config.js';

const UNIX = 'unix:';

/** The longest path that a socket address holds on macOS, with its closing zero; Linux takes four more. */
const MOST_SOCKET_PATH_BYTES = 103;

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
  await removeStaleSocket(path);
  await bind(server, address, credentials);
  await chmod(path, 0o600);
  return address;
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error) reject(new Error(`cannot listen on ${address}: ${error.message}`, { cause: error }));
      else resolve(port);
    });
  });
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (!found) return;
  if (!found.isSocket())
    throw new Error(`unix:${path} is there and is not a socket: remove it, or choose another path`);
  if (await hasListener(path))
    throw new Error(`unix:${path}: another server listens there: stop it, or choose another path`);
  await unlink(path);
}

function hasListener(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => {
      if (isCode(error, 'ECONNREFUSED') || isCode(error, 'ENOENT')) resolve(false);
      else reject(error);
    });
  });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
