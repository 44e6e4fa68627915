import { readFile } from 'node:fs/promises';
import { credentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import { CallError } from './call-error.js';

/** How a server is called by TLS. What is PEM is given as text or bytes, not as the path of a file. */
export interface TlsOptions {
  /** PEM: what the certificate of the server is checked with. Default: the authorities that Node trusts. */
  readonly authorities?: string | Uint8Array;
  /** PEM: the certificate of this client, for a server that asks for one; goes with `key`. */
  readonly certificate?: string | Uint8Array;
  /** PEM. */
  readonly key?: string | Uint8Array;
  /** The name that the certificate must have. Default: the host of the address. */
  readonly serverName?: string;
}

/** Where the server is, and what it is shown. */
export type Headers = Readonly<Record<string, string>>;

export interface TransportOptions {
  /** `host:port`, or `unix:/path/of.sock`. */
  readonly address: string;
  /** Default: no encryption, which is right for a socket or a port of this machine only. */
  readonly tls?: TlsOptions | true;
  /** Sent with each call as `authorization: Bearer`. */
  readonly token?: string;
  /** A file that has the token, read again for each call, so that it may change. */
  readonly tokenFile?: string;
  /**
   * Sent with each call. A function is asked for each anew: for the headers of the trace that the call is part of, or an
   * `x-request-id` that the log of the server names it by. It may not give `authorization`.
   */
  readonly headers?: Headers | (() => Headers);
  /** Sends a token to a server on another machine without TLS too: everybody on the way can read it. Default false. */
  readonly insecure?: boolean;
}

/** The most bytes of a file that is a token. */
const MOST_TOKEN_BYTES = 8192;

/**
 * The encryption of a channel.
 *
 * @throws CallError INVALID_ARGUMENT for options that do not go together, and for a token that would go over a network
 * unencrypted
 */
export function secureChannel(options: TransportOptions): {
  readonly credentials: ChannelCredentials;
  readonly channelOptions: ChannelOptions;
} {
  const { address, tls, token, tokenFile } = options;
  if (address === '' || /^https?:/.test(address))
    throw refuse(`the address is "${address}"; allowed are host:port and unix:/path/of.sock`);
  if (token !== undefined && tokenFile !== undefined) throw refuse('give `token` or `tokenFile`, not both');
  if (token !== undefined) requireToken(token, 'the token');
  if (tls === undefined) {
    if (hasSecret(options) && options.insecure !== true && !isOfThisMachine(address))
      throw refuse(
        `a token would go to ${address} unencrypted: use \`tls\`, or set \`insecure\` if the network between is yours alone`,
      );
    return { credentials: credentials.createInsecure(), channelOptions: {} };
  }
  if (/^unix(?:-abstract)?:/.test(address))
    throw refuse(`${address} is a unix socket, which is never encrypted: leave out \`tls\``);
  const { authorities, certificate, key, serverName } = tls === true ? {} : tls;
  if ((certificate === undefined) !== (key === undefined))
    throw refuse('`tls.certificate` and `tls.key` go together: give both or none');
  const roots = readPem('authorities', authorities);
  if (roots !== null) createSsl('`tls.authorities`', roots);
  return {
    credentials: createSsl(
      '`tls.certificate` and `tls.key`',
      roots,
      readPem('key', key),
      readPem('certificate', certificate),
    ),
    channelOptions:
      serverName === undefined
        ? {}
        : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName },
  };
}

function createSsl(names: string, ...pem: Parameters<typeof credentials.createSsl>): ChannelCredentials {
  try {
    return credentials.createSsl(...pem);
  } catch (error) {
    throw refuse(`${names} cannot be used: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

/** The token for a call that is made now; undefined without one. Throws CallError UNAUTHENTICATED without its file. */
export async function readToken({
  token,
  tokenFile,
}: Pick<TransportOptions, 'token' | 'tokenFile'>): Promise<string | undefined> {
  if (tokenFile === undefined) return token;
  const text = await readFile(tokenFile, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new CallError(`the token file ${tokenFile} cannot be read (${cause.code ?? cause.message})`, {
      code: 'UNAUTHENTICATED',
      cause,
    });
  });
  return requireToken(text.trim(), `the token file ${tokenFile}`);
}

/** A token is one word of visible ASCII (RFC 6750, RFC 9110). */
function requireToken(token: string, name: string): string {
  if (token.length > MOST_TOKEN_BYTES || !/^[\x21-\x7e]+$/.test(token))
    throw refuse(
      `${name} has to be one word of at most ${MOST_TOKEN_BYTES} letters, digits and signs of ASCII: it has ${token.length} characters`,
    );
  return token;
}

/** The headers of a call that is made now. Throws CallError INVALID_ARGUMENT if a function gives `authorization`. */
export function readHeaders({ headers = {} }: Pick<TransportOptions, 'headers'>): Headers {
  if (typeof headers !== 'function') return headers;
  const found = headers();
  if (hasAuthorization(found))
    throw refuse('the function `headers` gives `authorization`: give `token` or `tokenFile`');
  return found;
}

function hasSecret({ token, tokenFile, headers = {} }: TransportOptions): boolean {
  return token !== undefined || tokenFile !== undefined || (typeof headers !== 'function' && hasAuthorization(headers));
}

function hasAuthorization(headers: Headers): boolean {
  return Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
}

/** Whether what goes to an address stays on this machine. */
export function isOfThisMachine(address: string): boolean {
  const target = address.replace(/^(?:dns:(?:\/\/[^/]*\/)?|ipv4:|ipv6:)/, '');
  return (
    /^unix(?:-abstract)?:/.test(target) ||
    /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]|::1)(?::\d+)?$/.test(target)
  );
}

function readPem(name: keyof TlsOptions, value: string | Uint8Array | undefined): Buffer | null {
  if (value === undefined) return null;
  const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.from(value);
  if (!bytes.includes('-----BEGIN '))
    throw refuse(`\`tls.${name}\` is no PEM: give what the file has, as text or bytes, not its path`);
  return bytes;
}

function refuse(message: string, cause?: unknown): CallError {
  return new CallError(message, { code: 'INVALID_ARGUMENT', ...(cause !== undefined && { cause }) });
}
