import type { Config } from './config.js';
import { isLocal } from './is-local.js';

type Settings = Pick<
  Config,
  | 'listen'
  | 'dashboard'
  | 'metricsListen'
  | 'tlsKey'
  | 'tlsClientAuthorities'
  | 'tokensFile'
  | 'insecure'
  | 'metricsInsecure'
>;

/** An address that other machines reach without encryption or without saying who they are. */
export interface ExposedAddress {
  readonly address: string;
  readonly isAllowed: boolean;
  /** What it lacks, and what to do. */
  readonly fault: string;
}

/**
 * The exposed addresses of a server. Sockets and loopback are of this machine alone, and health tells nothing but that
 * it serves.
 *
 * @param ownAuthenticator whether the program that embeds the server decides who may call
 */
export function listExposed(config: Settings, ownAuthenticator: boolean): ExposedAddress[] {
  const { listen, dashboard, metricsListen, insecure, metricsInsecure } = config;
  const lacking = lacks(config, ownAuthenticator);
  const ofCalls = lacking.length === 0 ? [] : [...listen, dashboard ?? []].flat();
  return [
    ...ofCalls.map((address) => ({
      address,
      isAllowed: insecure,
      fault: `other machines reach ${address}, and it has ${lacking.join(' and ')}: set these, listen on 127.0.0.1 or a unix socket, or allow it with insecure (--insecure)`,
    })),
    ...[metricsListen ?? []].flat().map((address) => ({
      address,
      isAllowed: insecure || metricsInsecure,
      fault: `other machines reach ${address}, and metrics have no encryption and no authentication: listen on 127.0.0.1, or, if none but your scrapers get there, allow it with metricsInsecure (--metrics-insecure)`,
    })),
  ].filter(({ address }) => !isLocal(address));
}

/** Throws an Error that says what to set if an address is exposed and the settings do not allow it. */
export function refuseExposed(config: Settings, ownAuthenticator: boolean): void {
  const refused = listExposed(config, ownAuthenticator).find(({ isAllowed }) => !isAllowed);
  if (refused !== undefined) throw new Error(refused.fault);
}

function lacks({ tlsKey, tlsClientAuthorities, tokensFile }: Settings, ownAuthenticator: boolean): string[] {
  return [
    ...(tlsKey === undefined ? ['no encryption (tlsCertificate and tlsKey)'] : []),
    ...(tlsClientAuthorities === undefined && tokensFile === undefined && !ownAuthenticator
      ? ['no authentication (tokensFile or tlsClientAuthorities)']
      : []),
  ];
}
