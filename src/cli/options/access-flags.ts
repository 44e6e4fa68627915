import type { FlagForm } from '../../flags/request-flag.js';

/** What the flags about a server elsewhere were given. */
export interface AccessValues {
  /** Undefined, and no PRUNECAST_ADDRESS: the server of the state folder, which is started if needed. */
  readonly address?: string;
  readonly tls?: boolean;
  readonly tlsAuthorities?: string;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly tlsServerName?: string;
  readonly tokenFile?: string;
}

/** A flag about a server elsewhere. */
export interface AccessFlag extends FlagForm {
  /** The key of its value among the flags. */
  readonly key: keyof AccessValues;
  /** The option of `createClient`. */
  readonly option: string;
  /** The environment variable that counts where the flag is not given. */
  readonly variable: string;
}

/**
 * Where a server elsewhere is, and what it is shown. A token is given as a file or a variable: other users of a machine
 * see the flags of its processes. Variables of TLS are not called as the settings of a server are, which commands may
 * start.
 */
export const ACCESS_FLAGS: readonly AccessFlag[] = [
  {
    key: 'address',
    option: 'address',
    flags: '--address <ADDRESS>',
    variable: 'PRUNECAST_ADDRESS',
    summary: 'a server elsewhere, host:port or unix:/path, in place of that of the state folder',
  },
  {
    key: 'tls',
    option: 'tls',
    flags: '--tls',
    variable: 'PRUNECAST_CLIENT_TLS',
    summary: 'call that server encrypted, and check its certificate with the authorities that Node trusts',
  },
  {
    key: 'tlsAuthorities',
    option: 'tls.authorities',
    flags: '--tls-authorities <FILE>',
    variable: 'PRUNECAST_CLIENT_AUTHORITIES',
    summary: 'PEM file of the authorities that the certificate of that server must come from',
    proposes: { from: 'files' },
  },
  {
    key: 'tlsCertificate',
    option: 'tls.certificate',
    flags: '--tls-certificate <FILE>',
    variable: 'PRUNECAST_CLIENT_CERTIFICATE',
    summary: 'PEM file with your certificate, for a server that asks callers for one',
    proposes: { from: 'files' },
  },
  {
    key: 'tlsKey',
    option: 'tls.key',
    flags: '--tls-key <FILE>',
    variable: 'PRUNECAST_CLIENT_KEY',
    summary: 'PEM file with the private key of your certificate',
    proposes: { from: 'files' },
  },
  {
    key: 'tlsServerName',
    option: 'tls.serverName',
    flags: '--tls-server-name <NAME>',
    variable: 'PRUNECAST_CLIENT_SERVER_NAME',
    summary: 'the name in the certificate of that server, if it is not the host of the address',
  },
  {
    key: 'tokenFile',
    option: 'tokenFile',
    flags: '--token-file <FILE>',
    variable: 'PRUNECAST_TOKEN_FILE',
    summary: 'file with the token that the server asks for, which PRUNECAST_TOKEN may have itself',
    proposes: { from: 'files' },
  },
];

/** The same as commands show them. */
export const ACCESS_FORMS: readonly FlagForm[] = ACCESS_FLAGS.map(({ flags, summary, variable, proposes }) => ({
  flags,
  summary: `${summary}; or ${variable}`,
  ...(proposes !== undefined && { proposes }),
}));

/** `--tls-key` of the flag `--tls-key <FILE>`. */
export function nameFlag({ flags }: FlagForm): string {
  return flags.split(' ')[0] ?? '';
}
