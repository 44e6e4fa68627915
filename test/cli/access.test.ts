import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { describeError } from '../../src/cli/output/describe-error.js';
import { createProgram } from '../../src/cli/program.js';
import { ConnectionFault } from '../../src/client/connection-fault.js';
import { CallError } from '../../src/client/index.js';
import { afterFailure } from '../../src/cli/session/next-commands.js';
import type { ConfigOptions } from '../../src/server/config/config.js';
import { makeSelfSigned, type KeyPair } from '../support/self-signed.js';
import { makeFolder, startTestServer, type TestServer } from '../support/test-server.js';
import { runCli } from './run-cli.js';

/*
 * Commands against servers with TLS, tokens and client certificates, most of them in this process.
 */

const MODELS = resolve(import.meta.dirname, '../../models');
const HOUR_MS = 3_600_000;
const authority = makeSelfSigned({ isAuthority: true });
const stranger = makeSelfSigned({ isAuthority: true });
const EXPIRED = { validToMs: Date.now() - HOUR_MS };
const SECRETS = { viewer: 'look-only', operator: 'rule-all', nobody: 'never-heard-of' };

let folder = '';
const servers: TestServer[] = [];
/** Addresses, and paths of files, by the names that the tables below have for them. */
const names: Record<string, string> = {};

async function write(name: string, contents: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, contents);
  names[name] = path;
  return path;
}

async function writePair(name: string, { certificate, key }: KeyPair): Promise<ConfigOptions> {
  return {
    tlsCertificate: await write(`${name}.pem`, certificate),
    tlsKey: await write(`${name}-key.pem`, key),
  };
}

async function serve(name: string, config: ConfigOptions): Promise<void> {
  const server = await startTestServer({ config: { listen: ['127.0.0.1:0'], modelRoots: [MODELS], ...config } });
  servers.push(server);
  names[name] = server.address;
}

function entry(name: 'viewer' | 'operator', scope: string) {
  return { name, scopes: [scope], sha256: createHash('sha256').update(SECRETS[name]).digest('hex') };
}

beforeAll(async () => {
  folder = await makeFolder();
  const authorities = await write('ca.pem', authority.certificate);
  await write('other-ca.pem', stranger.certificate);
  await write('no.pem', 'nothing');
  for (const [name, token] of Object.entries(SECRETS)) await write(`${name}.token`, `${token}\n`);
  const tokensFile = await write(
    'tokens.json',
    JSON.stringify({ tokens: [entry('viewer', 'read'), entry('operator', 'admin')] }),
  );
  const ofServer = await writePair('server', makeSelfSigned({ authority }));
  await writePair('worker', makeSelfSigned({ commonName: 'worker', authority }));
  await writePair('late', makeSelfSigned({ commonName: 'late', authority, ...EXPIRED }));
  await writePair('strange', makeSelfSigned({ commonName: 'strange', authority: stranger }));
  const expired = await writePair('expired', makeSelfSigned({ authority, ...EXPIRED }));
  await serve('TOKENS', { ...ofServer, tokensFile });
  await serve('MUTUAL', { ...ofServer, tlsClientAuthorities: authorities });
  await serve('EXPIRED', expired);
  await serve('PLAIN', {});
});

afterEach(() => void vi.unstubAllEnvs());

afterAll(async () => {
  for (const server of servers) await server.stop();
  for (const server of servers) await rm(server.folder, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
});

/** Names in place of addresses and paths: `TOKENS`, `ca.pem`. */
const fill = (text: string): string => names[text] ?? text;

type Environment = Readonly<Record<string, string>>;

/** Runs a command line in this process: what it printed, and the first line of its error. */
async function run(line: string, environment: Environment = {}): Promise<{ output: string; error: string }> {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, fill(value));
  let output = '';
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      if (stream === process.stdout) output += String(text);
      return true;
    }),
  );
  const words = line.split(' ').map(fill);
  const error = await createProgram({ printsErrors: false })
    .parseAsync(words, { from: 'user' })
    .then(
      () => '',
      (reason: unknown) => describeError(reason, { bold: String, red: String })[0] ?? '',
    );
  for (const spy of spies) spy.mockRestore();
  return { output, error };
}

const ACCESS = '--address TOKENS --tls-authorities ca.pem --token-file operator.token';
const VARIABLES = {
  PRUNECAST_ADDRESS: 'TOKENS',
  PRUNECAST_CLIENT_AUTHORITIES: 'ca.pem',
  PRUNECAST_TOKEN: SECRETS.operator,
};

describe('a command that calls a server with TLS and tokens', () => {
  it.each([
    ['inspect --model stories260k', 'llama'],
    ['models list', 'stories260k'],
    ['jobs list', ''],
    ['plugins --kind criterion', 'magnitude'],
    ['uploads list', ''],
    [
      'prune --model stories260k --output small --rate 0.2 --criterion magnitude --compensation none --dry-run',
      'parameters',
    ],
    ['call CatalogService.GetServerInfo', '"version"'],
    ['doctor', 'onnxruntime'],
    ['health', 'SERVING'],
    ['log-level', 'silent'],
  ])('%s: is given access by flags, and by variables', async (line, said) => {
    const byFlags = await run(`${line} ${ACCESS}`);
    const byVariables = await run(line, VARIABLES);
    expect([byFlags.error, byVariables.error]).toEqual(['', '']);
    expect(byFlags.output).toContain(said);
    expect(byVariables.output).toBe(byFlags.output);
  });

  it('runs a job to its end as a process of its own, and prints nothing else', async () => {
    const line = `prune --model stories260k --output small --rate 0.2 --criterion magnitude --compensation none --quiet ${ACCESS}`;
    const { code, stdout, stderr } = await runCli(line.split(' ').map(fill));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('small');
  });

  it('shows its certificate where the server asks for one', async () => {
    const flags = '--address MUTUAL --tls-authorities ca.pem --tls-certificate worker.pem --tls-key worker-key.pem';
    expect(await run(`jobs list ${flags}`)).toMatchObject({ error: '' });
    const variables = {
      PRUNECAST_CLIENT_AUTHORITIES: 'ca.pem',
      PRUNECAST_CLIENT_CERTIFICATE: 'worker.pem',
      PRUNECAST_CLIENT_KEY: 'worker-key.pem',
      PRUNECAST_CLIENT_SERVER_NAME: 'localhost',
    };
    expect(await run('jobs list --address MUTUAL', variables)).toMatchObject({ error: '' });
  });

  it('takes a flag over its variable, and the server of a state folder that is named over an address that is not', async () => {
    const wrong = { ...VARIABLES, PRUNECAST_TOKEN: SECRETS.nobody, PRUNECAST_CLIENT_AUTHORITIES: 'other-ca.pem' };
    expect(await run(`jobs list ${ACCESS}`, wrong)).toMatchObject({ error: '' });
    const { error } = await run(`health --state-dir ${join(folder, 'none')}`, VARIABLES);
    expect(error).toBe(`prunecast: no server answers at unix:${join(folder, 'none', 'server.sock')}`);
  });

  it('leaves TLS of variables to servers that are no sockets', async () => {
    const { error } = await run('jobs list --address unix:/nobody.sock', VARIABLES);
    expect(error).toMatch(/^prunecast: UNAVAILABLE: no server answers at unix:\/nobody\.sock/);
  });
});

const TLS = '--tls-authorities ca.pem';

describe('a command that is not let in says what to do', () => {
  it.for([
    [
      'no token',
      `jobs list --address TOKENS ${TLS}`,
      /^prunecast: UNAUTHENTICATED: the call has no token: name a file that has one with --token-file, or set PRUNECAST_TOKEN; .*`prunecast token new NAME`$/,
    ],
    [
      'an unknown token',
      `jobs list --address TOKENS ${TLS} --token-file nobody.token`,
      /does not know this token.*ask its operator.*The token is that of --token-file$/,
    ],
    [
      'an unknown token of a variable',
      `inspect --model stories260k --address TOKENS ${TLS}`,
      /does not know this token.*The token is that of PRUNECAST_TOKEN$/,
      { PRUNECAST_TOKEN: SECRETS.nobody },
    ],
    [
      'a scope that is too small',
      `jobs delete a-job --address TOKENS ${TLS} --token-file viewer.token`,
      /^prunecast: SCOPE_MISSING: `prunecast jobs delete` needs the scope admin, and "viewer" has read: .*`prunecast token new NAME --scope admin`/,
    ],
    [
      'a token file that is not there',
      `jobs list --address TOKENS ${TLS} --token-file gone.token`,
      /the token file gone\.token cannot be read \(ENOENT\)/,
    ],
    [
      'two tokens',
      `jobs list --address TOKENS ${TLS}`,
      /PRUNECAST_TOKEN and PRUNECAST_TOKEN_FILE are both set: unset one of them/,
      { PRUNECAST_TOKEN: 'a', PRUNECAST_TOKEN_FILE: 'viewer.token' },
    ],
    [
      'a token that would go over a network unencrypted',
      'jobs list --address prunecast.example.com:1 --token-file viewer.token',
      /a token would go to prunecast\.example\.com:1 unencrypted: use --tls$/,
    ],
    [
      'an authority that did not sign the certificate',
      'jobs list --address TOKENS --tls-authorities other-ca.pem',
      /of an authority that this client does not trust: check whether --tls-authorities has the one that signed it$/,
    ],
    [
      'only the authorities of Node',
      'jobs list --address TOKENS --tls',
      /does not trust: give the one that signed it as --tls-authorities$/,
    ],
    [
      'a name that the certificate does not have',
      `jobs list --address TOKENS ${TLS} --tls-server-name elsewhere`,
      /is for DNS:localhost, IP Address:127\.0\.0\.1, and not for elsewhere: .*name one as --tls-server-name$/,
    ],
    [
      'a certificate of the server that has expired',
      `jobs list --address EXPIRED ${TLS}`,
      /^prunecast: UNAVAILABLE: the certificate of the server at \S+ has expired: ask its operator to renew it$/,
    ],
    ['the same, asked for its health', `health --address EXPIRED ${TLS}`, /has expired: ask its operator to renew it$/],
    ['plain text against TLS', 'jobs list --address TOKENS', /if it speaks TLS, use --tls; else try again$/],
    [
      'TLS against plain text',
      `jobs list --address PLAIN ${TLS}`,
      /does not speak TLS: check the address, or call it without --tls-authorities$/,
    ],
    [
      'TLS of a variable against plain text',
      'jobs list --address PLAIN',
      /call it without PRUNECAST_CLIENT_TLS$/,
      { PRUNECAST_CLIENT_TLS: 'true' },
    ],
    ['TLS on a unix socket', 'jobs list --address unix:/s --tls', /never encrypted: leave out --tls$/],
    [
      'no certificate of its own',
      `jobs list --address MUTUAL ${TLS}`,
      /certificate of this client.*give --tls-certificate and --tls-key/,
    ],
    [
      'a certificate of its own that has expired',
      `jobs list --address MUTUAL ${TLS} --tls-certificate late.pem --tls-key late-key.pem`,
      /the certificate of this client, --tls-certificate, expired on .*: renew it$/,
    ],
    [
      'a certificate of another authority',
      `jobs list --address MUTUAL ${TLS} --tls-certificate strange.pem --tls-key strange-key.pem`,
      /--tls-certificate has to come from an authority that/,
    ],
    [
      'half a pair',
      `jobs list --address MUTUAL ${TLS} --tls-certificate worker.pem`,
      /--tls-certificate and --tls-key go together: give both or none$/,
    ],
    [
      'a key of another certificate',
      `jobs list --address MUTUAL ${TLS} --tls-certificate worker.pem --tls-key late-key.pem`,
      /--tls-certificate and --tls-key cannot be used: .*key values mismatch/,
    ],
    ['a file that is not there', 'jobs list --address TOKENS --tls-authorities gone.pem', /gone\.pem cannot be read/],
    ['a file of something else', 'jobs list --address TOKENS --tls-authorities no.pem', /no\.pem is no PEM file/],
    [
      'a variable that is neither yes nor no',
      'jobs list --address PLAIN',
      /PRUNECAST_CLIENT_TLS is "yes"; allowed are true and false/,
      { PRUNECAST_CLIENT_TLS: 'yes' },
    ],
    ['access without an address', `jobs list ${TLS}`, /--tls-authorities is for a server elsewhere.*--address/],
    [
      'an address of a variable where nobody is',
      'jobs list',
      /or unset PRUNECAST_ADDRESS to use the server of your state folder$/,
      { PRUNECAST_ADDRESS: 'unix:/nobody.sock' },
    ],
  ] as readonly (readonly [what: string, line: string, said: RegExp, environment?: Environment])[])(
    '%s',
    async ([, line, said, environment]) => {
      const { output, error } = await run(line, environment);
      expect(output).toBe('');
      expect(error).toMatch(said);
      for (const secret of Object.values(SECRETS)) expect(error).not.toContain(secret);
    },
  );
});

describe('what is proposed next', () => {
  const line = ['jobs', 'get', 'j', ...ACCESS.split(' '), '--tls'];

  it('calls the same server in the same way', () => {
    const missing = new CallError('gone', { code: 'NOT_FOUND', reason: 'JOB_NOT_FOUND' });
    expect(afterFailure(missing, line).map(({ words }) => words.join(' '))).toEqual([
      'jobs list --address TOKENS --tls --tls-authorities ca.pem --token-file operator.token',
    ]);
  });

  it('is nothing where a server is there and no connection comes about: its message has all', () => {
    const lost = new CallError('nobody answers', { code: 'UNAVAILABLE' });
    expect(afterFailure(lost, line)).toHaveLength(1);
    expect(afterFailure(new ConnectionFault('its certificate has expired', lost), line)).toEqual([]);
  });
});
