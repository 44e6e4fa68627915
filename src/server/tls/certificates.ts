import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import { watchFiles } from '../config/watch-files.js';

/** What TLS needs, as read from the files of the settings. */
export interface Keys {
  /** The chain, PEM. */
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Who signs the certificates of clients; undefined if clients need none. */
  readonly ca: Buffer | undefined;
}

/** The keys of a server, which are read again when their files change. */
export interface Certificates {
  readonly current: Keys;
  readonly requiresClients: boolean;
  /** Calls `listener` after each change; returns what ends that. */
  onChange(listener: (keys: Keys) => void): () => void;
  close(): void;
}

type Settings = Pick<Config, 'tlsCertificate' | 'tlsKey' | 'tlsClientAuthorities'>;

/**
 * Reads the files, and again after each change: new connections then get the new certificate, and those that are open
 * stay. Files that do not fit together, as while they are being replaced, change nothing and are logged.
 *
 * @returns undefined without TLS in the settings
 * @throws Error that names the setting at fault
 */
export async function openCertificates(settings: Settings, log: Logger): Promise<Certificates | undefined> {
  const { tlsCertificate, tlsKey, tlsClientAuthorities } = settings;
  if (tlsCertificate === undefined || tlsKey === undefined) return undefined;
  const paths = [tlsCertificate, tlsKey, tlsClientAuthorities ?? []].flat();
  let current = await readKeys(settings);
  warnExpired(current, log);
  const listeners = new Set<(keys: Keys) => void>();
  const close = watchFiles(paths, {
    read: async () => {
      current = await readKeys(settings);
      for (const listener of listeners) listener(current);
      log.info({ valid_to: new X509Certificate(current.cert).validTo }, 'certificates read again');
      warnExpired(current, log);
    },
    failed: (error) =>
      log.error({ err: error }, 'the certificates of before stay: the files have changed and cannot be used'),
  });
  return {
    get current() {
      return current;
    },
    requiresClients: tlsClientAuthorities !== undefined,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close,
  };
}

/** Reads the files of a server that has TLS. Throws an Error that names the setting at fault. */
export async function readKeys({ tlsCertificate, tlsKey, tlsClientAuthorities }: Settings): Promise<Keys> {
  const cert = await read('tlsCertificate', tlsCertificate);
  const key = await read('tlsKey', tlsKey);
  const ca = tlsClientAuthorities === undefined ? undefined : await read('tlsClientAuthorities', tlsClientAuthorities);
  try {
    if (ca !== undefined) void new X509Certificate(ca);
  } catch (error) {
    throw refuse('tlsClientAuthorities', tlsClientAuthorities, error);
  }
  try {
    createSecureContext({ cert, key, ca });
  } catch (error) {
    throw refuse('tlsCertificate and tlsKey', `${tlsCertificate} and ${tlsKey}`, error);
  }
  return { cert, key, ca };
}

function read(setting: string, path: string | undefined): Promise<Buffer> {
  return readFile(path ?? '').catch((error: unknown) => {
    throw refuse(setting, path, error);
  });
}

function refuse(setting: string, path: string | undefined, error: unknown): Error {
  return new Error(`${setting} cannot be used (${path}): ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}

function warnExpired({ cert }: Keys, log: Logger): void {
  const { validTo } = new X509Certificate(cert);
  if (Date.parse(validTo) < Date.now())
    log.warn({ valid_to: validTo }, 'the certificate of tlsCertificate has expired: clients refuse it');
}
