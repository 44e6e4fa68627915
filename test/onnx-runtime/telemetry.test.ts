import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasStrace, isStray, startTraced, traceSkipReason, type TracedRun } from './traced-run.js';

const MODEL = resolve(import.meta.dirname, '../../models/stories260k');
const TEXT = resolve(MODEL, 'stories.json');
const EVALUATE = ['--bos', '--tokens', '2048', '--window', '128', '--dense'];

/** The state folder by default. */
const STATE = 'home/.local/state/prunecast/';
const isState = (path: string): boolean => `${path}/`.startsWith(STATE) || STATE.startsWith(`${path}/`);

const runs: TracedRun[] = [];
const start = (...args: Parameters<typeof startTraced>): TracedRun => {
  const run = startTraced(...args);
  runs.push(run);
  return run;
};
afterAll(() => runs.forEach(({ folder }) => rmSync(folder, { recursive: true, force: true })));

describe('what runs leave behind and whom they contact', () => {
  let calls: readonly TracedRun[] = [];
  let demo: TracedRun | undefined;
  beforeAll(async () => {
    const own = start('src/cli/main.js', [
      'prune',
      '--model',
      MODEL,
      '--remove',
      '20%',
      '--calibration',
      TEXT,
      '--sequences',
      '16',
      '--output',
      'pruned',
    ]);
    await own.end();
    const server = start('src/cli/main.js', [
      'serve',
      '--listen',
      '127.0.0.1:0',
      '--model-root',
      resolve(MODEL, '..'),
      '--data-root',
      resolve(MODEL, '..'),
      '--output-root',
      'out',
      '--state-dir',
      'state',
    ]);
    const { address } = JSON.parse(/^\{"address".*$/m.exec(await server.says('"address"'))?.[0] ?? '') as {
      address: string;
    };
    const client = start('src/cli/main.js', [
      'evaluate',
      '--address',
      address,
      '--model',
      'stories260k',
      '--text',
      'stories260k/stories.json',
      ...EVALUATE,
    ]);
    await client.end();
    await server.end('SIGTERM');
    calls = [own, server, client];
    // By then its server has calibrated, labelled and fitted, in threads of each kind, for longer than the telemetry
    // waits.
    demo = start('src/cli/main.js', ['demo']);
    await demo.says('narrowing the search');
    await demo.end('SIGTERM');
  }, 300_000);

  it('is nothing outside their own folders and the state folder, for the command line, a server and the demo', () => {
    expect(calls.flatMap((run) => run.leftovers()).filter((path) => !isState(path))).toEqual([]);
    expect(demo?.leftovers()).toEqual([]);
  });

  it.skipIf(!hasStrace)(`is nobody, and none of their files lies elsewhere (${traceSkipReason})`, () => {
    expect([...calls, demo].flatMap((run) => run?.strays())).toEqual([]);
  });
});

describe("ONNX Runtime's telemetry", () => {
  it('runs for a user who sets ORT_DISABLE_TELEMETRY to 0, and this test notices it', async () => {
    const run = start('src/cli/main.js', ['evaluate', '--model', MODEL, '--text', TEXT, ...EVALUATE], {
      ORT_DISABLE_TELEMETRY: '0',
    });
    await run.end();
    expect(run.leftovers()).toContainEqual(expect.stringMatching(/^home\/\.cache\/.*deviceid$/));
  });

  it('stops a thread that would load the library before the main thread has decided about it', () => {
    const module = JSON.stringify(new URL('../../dist/src/onnx-runtime/load-onnx-runtime.js', import.meta.url));
    const thread = `import(${module}).then(({ loadOnnxRuntime }) => loadOnnxRuntime()).then(() => console.log('loaded'), (error) => console.log(error.message))`;
    const script = `import { Worker } from 'node:worker_threads'; new Worker(${JSON.stringify(thread)}, { eval: true });`;
    const env = { PATH: process.env['PATH'] };
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', env })).toMatch(
      /telemetry on: set ORT_DISABLE_TELEMETRY=1/,
    );
    expect(
      execFileSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
        env: { ...env, ORT_DISABLE_TELEMETRY: '1' },
      }),
    ).toBe('loaded\n');
  });
});

describe('the reading of a trace', () => {
  it('distinguishes loopback and own files from others', () => {
    const strays = [
      '7 connect(23, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.255.255.53")}, 16) = 0',
      '7 bind(23, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("0.0.0.0")}, 16) = 0',
      '7 connect(23, {sa_family=AF_INET6, sin6_port=htons(443), inet_pton(AF_INET6, "2620:1ec::1", &sin6_addr)}, 28 <unfinished ...>',
      '7 socket(AF_INET6, SOCK_DGRAM, IPPROTO_IP) = 23',
      '7 openat(AT_FDCWD, "/home/user/.cache/x/deviceid", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 21',
      '7 mkdir("/home/user/.cache", 0777) = 0',
    ];
    const own = [
      '7 bind(23, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
      '7 connect(23, {sa_family=AF_UNIX, sun_path="/f/s.sock"}, 110) = 0',
      '7 openat(AT_FDCWD, "/f/state/prunecast.db", O_RDWR|O_CREAT|O_NOFOLLOW, 0644) = 21',
      '7 openat(AT_FDCWD, "state/x", O_RDWR|O_CREAT, 0644) = 21',
      '7 openat(AT_FDCWD, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 21',
      '7 mkdir("/", 0777) = -1 EEXIST (File exists)',
    ];
    expect(strays.filter((line) => isStray(line, '/f'))).toEqual(strays);
    expect(own.filter((line) => isStray(line, '/f'))).toEqual([]);
  });
});
