import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCuttableProxy } from '../support/cuttable-proxy.js';
import { hasTool, readCommands } from '../support/examples.js';
import { makeSelfSigned } from '../support/self-signed.js';
import { type ServerChild, startServerChild } from '../support/server-child.js';
import { makeFolder } from '../support/test-server.js';

/*
 * The examples in other languages, by the commands of their own pages, against the built server. All go through a proxy
 * that breaks the connection in the middle of the search; those that take certificates and tokens from variables need
 * them. Skipped where a tool is missing.
 */

const ROOT = resolve(import.meta.dirname, '../..');
const EXAMPLES = join(ROOT, 'examples');

/** Maven compiles little: half of its processor time would go into making its own code fast. */
const ENVIRONMENT = { ...process.env, MAVEN_OPTS: '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' };

let folder: string;
let server: ServerChild;
/** Asks callers for a certificate and a token. */
let guarded: ServerChild;
/** What a caller of it is given. */
let access: Readonly<Record<string, string>>;
beforeAll(async () => {
  folder = await makeFolder();
  const place = (name: string) => join(folder, name);
  const authority = makeSelfSigned({ isAuthority: true });
  const [ofServer, worker] = [makeSelfSigned({ authority }), makeSelfSigned({ commonName: 'worker', authority })];
  const sha256 = createHash('sha256').update('secret').digest('hex');
  for (const [name, contents] of Object.entries({
    'ca.pem': authority.certificate,
    'server.pem': ofServer.certificate,
    'server.key': ofServer.key,
    'worker.pem': worker.certificate,
    'worker.key': worker.key,
    'tokens.json': JSON.stringify({ tokens: [{ name: 'worker', scopes: ['run'], sha256 }] }),
    'worker.token': 'secret\n',
  }))
    await writeFile(place(name), contents);
  access = {
    PRUNECAST_CLIENT_AUTHORITIES: place('ca.pem'),
    PRUNECAST_CLIENT_CERTIFICATE: place('worker.pem'),
    PRUNECAST_CLIENT_KEY: place('worker.key'),
    PRUNECAST_TOKEN_FILE: place('worker.token'),
  };
  server = await startServerChild(folder, { environment: { PRUNECAST_LISTEN: '127.0.0.1:0' } });
  guarded = await startServerChild(folder, {
    stateDirectory: place('guarded'),
    environment: {
      PRUNECAST_LISTEN: '127.0.0.1:0',
      PRUNECAST_TLS_CERTIFICATE: place('server.pem'),
      PRUNECAST_TLS_KEY: place('server.key'),
      PRUNECAST_TLS_CLIENT_AUTHORITIES: place('ca.pem'),
      PRUNECAST_TOKENS_FILE: place('tokens.json'),
    },
  });
});
afterAll(async () => {
  await server.stop();
  await guarded.stop();
  await rm(folder, { recursive: true, force: true });
});

describe.each([
  { example: 'typescript', tools: ['npm'], failure: /^error: UNAVAILABLE: / },
  { example: 'go', tools: ['go'], failure: /^error: Unavailable: /, isGuarded: true },
  { example: 'java', tools: ['mvn'], failure: /^error: UNAVAILABLE: /, isGuarded: true },
  { example: 'grpcurl', tools: ['grpcurl', 'jq'], failure: /^$/ }, // it writes to standard error
])('the example of $example', ({ example, tools, failure, isGuarded = false }) => {
  const missing = tools.filter((tool) => !hasTool(tool));
  const [runCommand = '', ...buildCommands] = readCommands(join(EXAMPLES, example)).reverse();

  beforeAll(() => {
    if (missing.length > 0) return;
    for (const command of buildCommands.toReversed())
      execFileSync('sh', ['-c', command], {
        cwd: join(EXAMPLES, example),
        env: ENVIRONMENT,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
  }, 900_000);

  it('calls the four verbs, follows a search across a broken connection and reads an error', {
    timeout: 900_000,
  }, async ({ skip }) => {
    skip(missing.length > 0, `no ${missing.join(', no ')}`);
    await using proxy = await startCuttableProxy((isGuarded ? guarded : server).address);
    expect(runCommand).toContain('127.0.0.1:50051');
    const { code, lines } = await runExample(example, runCommand.replace('127.0.0.1:50051', proxy.address), {
      environment: isGuarded ? access : {},
      show: (line) => {
        if (line.startsWith('search: event 3,')) proxy.cut();
      },
    });
    const output = lines.join('\n');
    expect({ code, output }).toMatchObject({ code: 0 });

    const [, perplexity] = /^evaluate: the unpruned model has a perplexity of ([\d.]+)$/m.exec(output) ?? [];
    expect(Number(perplexity)).toBeGreaterThan(3);
    expect(Number(perplexity)).toBeLessThan(10);

    expect(output).toContain('lost the server');
    expect(proxy.connections()).toBeGreaterThan(1);
    const events = lines.flatMap((line) => /^search: event (\d+), /.exec(line)?.[1] ?? []).map(Number);
    expect(events).toEqual(Array.from(events, (_, index) => index + 1)); // none missed, none repeated
    expect(output).toMatch(/^search: event \d+, \w[\w ]* \d+\/\d+$/m);
    expect(output).toMatch(/^search: event \d+, ended: The winner has 208,000 parameters/m);

    const [, mean, low, high] =
      /^predict: the winner's perplexity is ([\d.]+), from ([\d.]+) to ([\d.]+)$/m.exec(output) ?? [];
    expect(Number(mean)).toBeGreaterThan(Number(low));
    expect(Number(mean)).toBeLessThan(Number(high));

    const [, pruned = ''] = /^prune: wrote ([\w-]+), \d+ bytes$/m.exec(output) ?? [];
    expect(existsSync(join(folder, 'outputs', pruned, 'model.safetensors'))).toBe(true);

    expect(output).toMatch(/^error: .*INVALID_REQUEST/m);
    expect(output).toContain('error: field uniform_rate: is 1.5; allowed is 0 to 1');
  });

  it('ends with the error if no server is there, and tries no longer', { timeout: 60_000 }, async ({ skip }) => {
    skip(missing.length > 0, `no ${missing.join(', no ')}`);
    const nobody = await startCuttableProxy(server.address);
    await nobody[Symbol.asyncDispose]();
    const { code, lines } = await runExample(example, runCommand.replace('127.0.0.1:50051', nobody.address));
    expect(code).toBe(1);
    expect(lines.filter((line) => line.includes('lost the server'))).toEqual([]);
    expect(lines[0] ?? '').toMatch(failure);
  });
});

describe('docs/clients.md', () => {
  it.each([
    { language: 'go', source: 'examples/go/follow.go' },
    { language: 'ts', source: 'packages/client/README.md' },
  ])('shows the code of $source', ({ language, source }) => {
    const [page, code] = ['docs/clients.md', source].map((path) => readFileSync(join(ROOT, path), 'utf8'));
    const [, shown = ''] = new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(page ?? '') ?? [];
    expect(shown.length).toBeGreaterThan(100);
    expect(code).toContain(shown);
  });
});

/** Runs a command to its end, and shows each line of its output as it comes. */
async function runExample(
  example: string,
  command: string,
  {
    environment = {},
    show = () => undefined,
  }: { readonly environment?: Readonly<Record<string, string>>; readonly show?: (line: string) => void } = {},
): Promise<{ readonly code: number | null; readonly lines: string[] }> {
  const child = spawn('sh', ['-c', command], {
    cwd: join(EXAMPLES, example),
    env: { ...ENVIRONMENT, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    show(line);
  }
  const [code] = (await closed) as [number | null];
  return { code, lines };
}
