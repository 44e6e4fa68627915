import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import {
  CallError,
  createClient,
  type ClientOptions,
  type PrunecastClient,
  type TlsOptions,
} from '../../client/index.js';
import { ACCESS_FLAGS, nameFlag, type AccessFlag } from '../options/access-flags.js';
import type { ServerFlags } from '../options/server.js';
import { RequestError } from '../output/request-error.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** How a command calls a server elsewhere. */
export interface Access {
  readonly address: string;
  /** `--address`, or the variable that named it. */
  readonly named: string;
  connect(): PrunecastClient;
  /** An error of the server, or on the way to it, with the flags and variables that a caller may change. */
  explain(error: unknown): unknown;
}

/** Has a token itself, for programs that get secrets so. No flag does. */
const TOKEN_VARIABLE = 'PRUNECAST_TOKEN';

/**
 * Where a command calls a server elsewhere: by its flags, then by the variables beside them. A flag for the server of
 * the state folder counts over a variable.
 *
 * @returns undefined for the server of the state folder
 * @throws InvalidArgumentError for what cannot be used or does not go together, with the flags or variables at fault
 */
export function findAccess(flags: ServerFlags, environment: Environment = process.env): Access | undefined {
  const given = readGiven(flags, environment);
  const { address } = given;
  if (address === undefined) {
    const lost = ACCESS_FLAGS.find(({ key }) => flags[key] !== undefined);
    if (lost === undefined) return undefined;
    throw new InvalidArgumentError(`${nameFlag(lost)} is for a server elsewhere: name it with --address`);
  }
  const words = nameOptions(given);
  const token = readToken(given, environment);
  const source = token.tokenFile !== undefined ? given.tokenFile?.name : token.token && TOKEN_VARIABLE;
  const options = { address: address.value, ...token, ...readTls(given) };
  return {
    address: address.value,
    named: address.name,
    connect: () => {
      try {
        return createClient(options);
      } catch (error) {
        throw error instanceof CallError ? new InvalidArgumentError(words(error.message)) : error;
      }
    },
    explain: (error) => {
      if (!(error instanceof CallError || error instanceof RequestError)) return error;
      const { failure, violations, next } =
        error instanceof RequestError ? error : { failure: error, violations: [], next: [] };
      return new RequestError(advise(failure, words(error.message), source), failure, violations, next);
    },
  };
}

/** A value with the flag or variable that it is of. */
interface Given {
  readonly value: string;
  readonly name: string;
  readonly isFlag: boolean;
}
type AllGiven = Readonly<Partial<Record<AccessFlag['key'], Given>>>;

function readGiven(flags: ServerFlags, environment: Environment): AllGiven {
  const isOfStateFolder = [flags.stateDir, flags.config, flags.plugin].some((given) => given !== undefined);
  const entries = ACCESS_FLAGS.flatMap((flag): (readonly [AccessFlag['key'], Given])[] => {
    const { key, variable } = flag;
    const value = flags[key];
    if (value !== undefined) return [[key, { value: String(value), name: nameFlag(flag), isFlag: true }]];
    const other = environment[variable] ?? '';
    if (other === '' || (key === 'address' && isOfStateFolder)) return [];
    return [[key, { value: other, name: variable, isFlag: false }]];
  });
  return Object.fromEntries(entries) as AllGiven;
}

/** A token of a flag counts over one of a variable; of two variables neither can be meant. */
function readToken({ tokenFile }: AllGiven, environment: Environment): Pick<ClientOptions, 'token' | 'tokenFile'> {
  const token = environment[TOKEN_VARIABLE] ?? '';
  if (tokenFile !== undefined && !tokenFile.isFlag && token !== '')
    throw new InvalidArgumentError(`${TOKEN_VARIABLE} and ${tokenFile.name} are both set: unset one of them`);
  if (tokenFile !== undefined) return { tokenFile: tokenFile.value };
  return token === '' ? {} : { token };
}

/** What a socket would not take is left out if a variable has it, which may be meant for another server. */
function readTls(given: AllGiven): Pick<ClientOptions, 'tls'> {
  const { tls, tlsAuthorities, tlsCertificate, tlsKey, tlsServerName } = given;
  const all = listTls(given);
  if (tls !== undefined && tls.value !== 'true' && tls.value !== 'false')
    throw new InvalidArgumentError(`${tls.name} is "${tls.value}"; allowed are true and false`);
  if (all.length === 0 || tls?.value === 'false') return {};
  if (given.address?.value.startsWith('unix:') === true && all.every(({ isFlag }) => !isFlag)) return {};
  const options: TlsOptions = {
    ...(tlsAuthorities !== undefined && { authorities: readPem(tlsAuthorities) }),
    ...(tlsCertificate !== undefined && { certificate: readPem(tlsCertificate) }),
    ...(tlsKey !== undefined && { key: readPem(tlsKey) }),
    ...(tlsServerName !== undefined && { serverName: tlsServerName.value }),
  };
  return { tls: options };
}

/** All that asks for TLS. */
function listTls({ tls, tlsAuthorities, tlsCertificate, tlsKey, tlsServerName }: AllGiven): readonly Given[] {
  return [tls, tlsAuthorities, tlsCertificate, tlsKey, tlsServerName].filter((one) => one !== undefined);
}

function readPem({ value, name }: Given): string {
  let text: string;
  try {
    text = readFileSync(value, 'utf8');
  } catch (error) {
    throw new InvalidArgumentError(`${name}: ${value} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (text.includes('-----BEGIN ')) return text;
  throw new InvalidArgumentError(
    `${name}: ${value} is no PEM file, which has a line -----BEGIN CERTIFICATE----- or alike`,
  );
}

/** Tells sentences of the client in what was given: `tls.key` is --tls-key, or the variable that has it. */
function nameOptions(given: AllGiven): (sentence: string) => string {
  const names: Readonly<Record<string, string>> = {
    ...Object.fromEntries(ACCESS_FLAGS.map((flag) => [flag.option, given[flag.key]?.name ?? nameFlag(flag)])),
    tls: listTls(given)[0]?.name ?? '--tls',
    token: TOKEN_VARIABLE,
  };
  return (sentence) =>
    sentence
      .replace(/, or set `insecure`.*/, '')
      .replaceAll(/`([a-zA-Z.]+)`/g, (quoted, option: string) => names[option] ?? quoted);
}

/** Adds what a caller may do about a token that is missing, unknown, or not enough. */
function advise({ reason, metadata }: CallError, message: string, source: string | undefined): string {
  if (reason === 'SCOPE_MISSING')
    return `${message}. \`prunecast token new NAME --scope ${metadata['scope']}\` makes one for it`;
  if (reason !== 'UNAUTHENTICATED') return message;
  return source === undefined
    ? message.replace(
        /send the header `authorization.*`/,
        `name a file that has one with --token-file, or set ${TOKEN_VARIABLE}; the operator of the server makes one by \`prunecast token new NAME\``,
      )
    : `${message}. The token is that of ${source}`;
}
