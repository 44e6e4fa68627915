import { readKnown } from '../authentication/authenticate.js';
import type { Config } from '../config/config.js';
import { findGroup } from '../config/find-group.js';
import { readKeys } from '../tls/certificates.js';

type Settings = Pick<Config, 'tlsCertificate' | 'tlsKey' | 'tlsClientAuthorities' | 'tokensFile' | 'socketGroup'>;

/** What a server would refuse to start with of what files hold: keys, tokens and groups. */
export async function checkContents(config: Settings): Promise<string[]> {
  const { tlsCertificate, tokensFile, socketGroup } = config;
  const read = await Promise.allSettled([
    tlsCertificate !== undefined && readKeys(config),
    tokensFile !== undefined && readKnown(tokensFile),
    socketGroup !== undefined && findGroup(socketGroup),
  ]);
  return read.flatMap((result) => (result.status === 'rejected' ? [messageOf(result.reason)] : []));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
