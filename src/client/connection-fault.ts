import { X509Certificate } from 'node:crypto';
import { CallError } from './call-error.js';
import type { TransportOptions } from './secure-channel.js';

/** A server is there, and no connection to it comes about: its message says why and what to do. */
export class ConnectionFault extends CallError {
  constructor(message: string, cause: CallError) {
    super(message, { code: 'UNAVAILABLE', cause });
    this.name = 'ConnectionFault';
  }
}

type Where = Pick<TransportOptions, 'address' | 'tls'>;

/** What grpc-js writes before that which kept it from connecting. */
const LAST_ERROR = 'No connection established. Last error: ';

/**
 * What Node and OpenSSL say of a handshake, and the same for people. Patterns are of their sentences: there are no codes
 * in what grpc-js passes on.
 */
const SENTENCES: readonly (readonly [said: RegExp, tell: (where: Where, found: RegExpExecArray) => string])[] = [
  [
    /certificate has expired/,
    ({ address }) => `the certificate of the server at ${address} has expired: ask its operator to renew it`,
  ],
  [
    /certificate is not yet valid/,
    ({ address }) =>
      `the certificate of the server at ${address} is not valid yet: check the clock of this machine, or ask the operator of the server`,
  ],
  [
    /altnames: Host: (\S+?)\.? is not in the cert's altnames: (.+)/s,
    ({ address }, [, host, names]) =>
      `the certificate of the server at ${address} is for ${names?.trim()}, and not for ${host}: call it by one of these, or name one as \`tls.serverName\``,
  ],
  [
    /self-signed certificate|certificate signature failure|unable to (?:verify|get)/,
    ({ address, tls }) =>
      `the certificate of the server at ${address} is of an authority that this client does not trust: ${
        hasAuthorities(tls)
          ? 'check whether `tls.authorities` has the one that signed it'
          : 'give the one that signed it as `tls.authorities`'
      }`,
  ],
  [
    /wrong version number|packet length too long|http request/,
    ({ address }) => `the server at ${address} does not speak TLS: check the address, or call it without \`tls\``,
  ],
  [/alert certificate required/, ({ address }) => askForCertificate(address)],
  [/alert .*certificate|alert unknown ca/, (where) => blameOwn(where)],
  // Whoever listens has ended the connection without a word.
  [/Failed to connect|ECONNRESET|socket disconnected|socket hang up/, (where) => guess(where)],
];

/**
 * Why nothing came of a connection to a server that is there, where that was the fault of a call: expired certificates,
 * authorities that are not trusted, TLS on one side only. Any other error as it is.
 */
export function explainConnection(failure: CallError, where: Where): CallError {
  if (failure.code !== 'UNAVAILABLE' || !failure.message.startsWith(LAST_ERROR)) return failure;
  for (const [said, tell] of SENTENCES) {
    const found = said.exec(failure.message);
    if (found !== null) return new ConnectionFault(tell(where, found), failure);
  }
  return failure;
}

function guess(where: Where): string {
  const { address, tls } = where;
  const certificate = ownCertificate(tls);
  if (certificate !== undefined && hasExpired(certificate)) return blameOwn(where);
  const advice =
    tls === undefined
      ? 'if it speaks TLS, use `tls`'
      : certificate === undefined
        ? 'if it wants a certificate of this client, give `tls.certificate` and `tls.key`'
        : 'if it checks certificates, `tls.certificate` has to come from an authority that it trusts';
  return `the server at ${address} took the connection and ended it: ${advice}; else try again`;
}

function askForCertificate(address: string): string {
  return `the server at ${address} wants a certificate of this client: give \`tls.certificate\` and \`tls.key\``;
}

function blameOwn({ address, tls }: Where): string {
  const certificate = ownCertificate(tls);
  return certificate !== undefined && hasExpired(certificate)
    ? `the certificate of this client, \`tls.certificate\`, expired on ${certificate.validTo}: renew it`
    : `the server at ${address} does not take the certificate of this client: \`tls.certificate\` has to come from an authority that the server trusts`;
}

function ownCertificate(tls: TransportOptions['tls']): X509Certificate | undefined {
  return tls === undefined || tls === true || tls.certificate === undefined
    ? undefined
    : new X509Certificate(tls.certificate);
}

function hasExpired({ validTo }: X509Certificate): boolean {
  return Date.parse(validTo) < Date.now();
}

function hasAuthorities(tls: TransportOptions['tls']): boolean {
  return tls !== undefined && tls !== true && tls.authorities !== undefined;
}
