import type { Config } from './config.js';
import { isLocal } from './is-local.js';

type Settings = Pick<Config, 'listen' | 'dashboard' | 'tlsKey' | 'tlsClientAuthorities' | 'tokensFile' | 'insecure'>;

/**
 * The addresses that other machines reach without encryption or without saying who they are; `insecure` does not
 * matter. Sockets and loopback are of this machine alone.
 *
 * @param ownAuthenticator whether the program that embeds the server decides who may call
 */
export function listExposed(config: Settings, ownAuthenticator: boolean): string[] {
  if (lacks(config, ownAuthenticator).length === 0) return [];
  return [...config.listen, config.dashboard ?? []].flat().filter((address) => !isLocal(address));
}

/** Throws an Error that says what to set if an address is exposed and `insecure` does not allow it. */
export function refuseExposed(config: Settings, ownAuthenticator: boolean): void {
  const [address] = listExposed(config, ownAuthenticator);
  if (address !== undefined && !config.insecure) throw new Error(describeExposed(config, ownAuthenticator, address));
}

/** What an exposed address lacks, and what to do. */
export function describeExposed(config: Settings, ownAuthenticator: boolean, address: string): string {
  return `other machines reach ${address}, and it has ${lacks(config, ownAuthenticator).join(' and ')}: set these, listen on 127.0.0.1 or a unix socket, or allow it with insecure (--insecure)`;
}

function lacks({ tlsKey, tlsClientAuthorities, tokensFile }: Settings, ownAuthenticator: boolean): string[] {
  return [
    ...(tlsKey === undefined ? ['no encryption (tlsCertificate and tlsKey)'] : []),
    ...(tlsClientAuthorities === undefined && tokensFile === undefined && !ownAuthenticator
      ? ['no authentication (tokensFile or tlsClientAuthorities)']
      : []),
  ];
}
