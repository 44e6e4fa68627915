import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Authenticator, CallOrigin, Identity } from '../../core/ports/authenticator.js';
import type { Config } from '../config/config.js';
import { watchFiles } from '../config/watch-files.js';

/** An authenticator that looks at its file again when that changes. */
export interface FileAuthenticator extends Authenticator {
  close(): void;
}

/** Whoever has the token of this hash. */
export interface Known extends Identity {
  readonly hash: Buffer;
}

/** Health needs no identity: probes have none. */
const OPEN_SERVICE = 'grpc.health.v1.Health/';

/**
 * Who calls, as the settings say: with a file of tokens, whoever has one of them; else whoever the client certificate
 * is of; else everyone.
 *
 * @throws Error if the file of tokens cannot be read
 */
export async function openAuthentication(
  { tokensFile }: Pick<Config, 'tokensFile'>,
  log: Logger,
): Promise<FileAuthenticator> {
  if (tokensFile === undefined) return { check: nameByCertificate, close: () => undefined };
  let known = await readKnown(tokensFile);
  const close = watchFiles([tokensFile], {
    read: async () => {
      known = await readKnown(tokensFile);
      log.info({ tokens: known.length }, 'tokens read again');
    },
    failed: (error) => log.error({ err: error }, 'the tokens of before stay: the file has changed and is not valid'),
  });
  return { check: (call) => (call.method.startsWith(OPEN_SERVICE) ? undefined : nameByToken(call, known)), close };
}

function nameByCertificate({ certificateName }: CallOrigin): Identity | undefined {
  return certificateName === undefined ? undefined : { name: certificateName };
}

function nameByToken(call: CallOrigin, known: readonly Known[]): Identity {
  const [, token] = /^Bearer +(\S+)$/i.exec(call.header('authorization')[0] ?? '') ?? [];
  if (token === undefined)
    throw new PrunecastError('UNAUTHENTICATED', 'the call has no token: send the header `authorization: Bearer TOKEN`');
  const hash = createHash('sha256').update(token).digest();
  let found: Known | undefined;
  // All are compared, so that the time tells nothing of which one is near.
  for (const candidate of known) if (timingSafeEqual(candidate.hash, hash)) found = candidate;
  if (found === undefined)
    throw new PrunecastError(
      'UNAUTHENTICATED',
      'the server does not know this token: it may have been removed; ask its operator for another one',
    );
  return found;
}

/** Who is known by a file of tokens. Throws an Error that names the file and each entry at fault. */
export async function readKnown(path: string): Promise<Known[]> {
  const { readTokens } = await import('./read-tokens.js'); // with a parser of YAML
  try {
    return readTokens(await readFile(path, 'utf8')).map(({ name, scopes, sha256 }) => ({
      name,
      scopes,
      hash: Buffer.from(sha256, 'hex'),
    }));
  } catch (error) {
    throw new Error(
      `the tokens in ${path} (tokensFile) cannot be read: ${error instanceof Error ? error.message : String(error)}. \`prunecast token new NAME\` prints an entry`,
      { cause: error },
    );
  }
}
