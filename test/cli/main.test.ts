import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { status, type ServerWritableStream } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GetJobResponse, JobServiceService, JobState } from '../../src/gen/prunecast/v1/job.js';
import { PruningServiceService, type SearchRequest, type SearchResponse } from '../../src/gen/prunecast/v1/pruning.js';
import { detailedStatus, endEvent, listen, makeSocket, progressEvent } from '../client/fake-server.js';
import { readJsonLines, runCli, startCli } from './run-cli.js';

const MAIN = resolve(import.meta.dirname, '../../dist/src/cli/main.js');
/** Makes a process the first of a space of processes, as that of a container is. */
const FIRST = ['--pid', '--fork', '--kill-child'];
const CAN_BE_FIRST = process.platform === 'linux' && spawnSync('unshare', [...FIRST, 'true']).status === 0;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunecast-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const local = (...args: readonly string[]) => [...args, '--state-dir', join(folder, 'state')];

describe('prunecast', () => {
  it('ends with 2 and names the fault when it is used wrongly', async () => {
    const wrong = [
      ['bogus'],
      ['inspect'],
      ['search', '--model', 'x'],
      ['search', '--model', 'x', '--remove', '120%'],
      ['prune', '--model', 'x', '--output', 'y'],
      ['call', 'No.Such'],
    ];
    const results = await Promise.all(wrong.map((args) => runCli(args)));
    expect(results.map(({ code }) => code)).toEqual(wrong.map(() => 2));
    expect(results.map(({ stderr }) => stderr)).toEqual(
      [
        'bogus',
        '--model',
        '--remove 20%',
        'share from 0 to 1',
        'say once what stays',
        'CatalogService.ListPlugins',
      ].map((text): unknown => expect.stringContaining(text)),
    );
  });

  it('names the nearest command and flag for one that does not exist', async () => {
    const [command, subcommand, flag] = await Promise.all([
      runCli(['serach']),
      runCli(['jobs', 'lsit']),
      runCli(['search', '--modle', 'x']),
    ]);
    for (const { code } of [command, subcommand, flag]) expect(code).toBe(2);
    expect(command.stderr).toContain('Did you mean search?');
    expect(subcommand.stderr).toContain('Did you mean list?');
    expect(flag.stderr).toContain('Did you mean --model?');
  });

  it('names the nearest model, text, value and field', async () => {
    for (const name of ['models/tiny', 'models/other']) mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, 'models/tinny'), 'no folder');
    writeFileSync(join(folder, 'story.txt'), 'Once upon a time');
    const at = (...args: readonly string[]) => runCli(args, { cwd: folder });
    const [model, text, json, value, method, field] = await Promise.all([
      at('inspect', '--model', 'models/tin'),
      at('evaluate', '--model', 'models/tiny', '--text', 'storry.txt'),
      at('inspect', '--model', join(folder, 'models/tinyy'), '--json'),
      at('evaluate', '--model', 'm', '--text', 't', '--precision', 'imt8'),
      at('call', 'JobService.GetJobs'),
      at('call', 'JobService.GetJob', '--request', '@{"jobid": "b"}'),
    ]);
    expect([model, text, json, value, method, field].map(({ code }) => code)).toEqual([1, 1, 1, 2, 2, 2]);
    expect(model.stderr).toContain(
      'MODEL_NOT_FOUND: --model: "models/tin" does not exist: did you mean "models/tiny"? If not, name the folder of a checkpoint',
    );
    expect(text.stderr).toContain('TEXT_NOT_FOUND: --text: "storry.txt" does not exist: did you mean "story.txt"?');
    expect(JSON.parse(json.stderr)).toMatchObject({
      error: {
        code: 'NOT_FOUND',
        reason: 'MODEL_NOT_FOUND',
        exit_code: 1,
        violations: [
          {
            field: 'model',
            flag: '--model',
            description: expect.stringContaining(`did you mean "${join(folder, 'models/tiny')}"?`) as string,
          },
        ],
      },
    });
    expect(value.stderr).toContain('choose one of float32, int8; did you mean "int8"?');
    expect(method.stderr).toContain('did you mean "JobService.GetJob"?');
    expect(field.stderr).toContain('did you mean "job_id"?');
  });

  it('tells every error as one JSON line with --json, whoever finds it', async () => {
    const [unknown, missing, value, field, choice] = await Promise.all([
      runCli(['search', '--modle', 'x', '--json']),
      runCli(['search', '--json']),
      runCli(['search', '--model', 'x', '--remove', '120%', '--json']),
      runCli(['prune', '--model', '.', '--output', 'o', '--architecture', '@[{"kv_head": 1}]', '--json']),
      runCli(['search', '--model', 'x', '--json']),
    ]);
    const flags = [unknown, missing, value, field, choice].map(({ code, stdout, stderr }) => {
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      const { error } = JSON.parse(stderr) as { error: { message: string; violations: { flag: string }[] } };
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'USAGE', metadata: {}, exit_code: 2 });
      expect(error.message).not.toMatch(/^error: /);
      return error.violations.map(({ flag }) => flag);
    });
    expect(flags).toEqual([['--modle'], ['--model'], ['--remove'], ['--architecture'], ['--remove']]);
  });

  it('starts a server for a call and stops it, its state kept for the next', async () => {
    const first = await runCli(local('plugins', '--kind', 'predictor', '--json'));
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(readJsonLines(first.stdout)).toContainEqual(
      expect.objectContaining({ kind: 'PLUGIN_KIND_PREDICTOR', id: 'ridge' }),
    );
    expect(await runCli(local('jobs', 'list'))).toMatchObject({ code: 0, stderr: '' });
  });

  it('prints the result and nothing else with --quiet, and of the events those of the outcome with --json too', async () => {
    const { address, remove } = makeSocket();
    const server = await listen(address, [
      [
        PruningServiceService,
        pruning((call) => {
          call.write({ event: progressEvent(1) });
          call.write({
            event: endEvent(2, JobState.CANCELLED, { code: 1, message: 'cancelled by a caller', details: [] }),
          });
          call.end();
        }),
      ],
    ]);
    const search = ['search', '--model', 'm', '--remove', '20%', '--address', address];
    const [loud, quiet, json] = await Promise.all([
      runCli(search),
      runCli([...search, '--quiet']),
      runCli([...search, '-q', '--json']),
    ]);
    server.forceShutdown();
    remove();
    expect(loud.stderr).toContain('labelling');
    expect([quiet.code, quiet.stdout]).toEqual([1, '']);
    expect(quiet.stderr).toMatch(/^prunecast: CANCELLED: cancelled by a caller\n/);
    expect(quiet.stderr).not.toContain('labelling');
    expect(readJsonLines(json.stdout)).toMatchObject([{ sequence: '2', ended: {} }]);
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'CANCELLED', exit_code: 1 } });
  });

  it('colours errors if it is told to, and not with --no-color', async () => {
    const environment = { FORCE_COLOR: '1' };
    const [colored, plain] = await Promise.all([
      runCli(['jobs', 'get', 'nope', '--address', 'unix:/nowhere'], { environment }),
      runCli(['jobs', 'get', 'nope', '--address', 'unix:/nowhere', '--no-color'], { environment }),
    ]);
    expect(colored.stderr).toContain('\u001B[31mprunecast:');
    expect(plain.stderr).toMatch(/^prunecast: /);
  });

  it('says at once that nobody answers at an address, and how to start a server there', async () => {
    const search = ['search', '--model', 'm', '--text', 't', '--remove', '20%'];
    const [people, programs] = await Promise.all([
      runCli([...search, '--address', '127.0.0.1:1']),
      runCli([...search, '--address', 'unix:/nowhere', '--json']),
    ]);
    expect([people.code, people.stdout]).toEqual([1, '']);
    expect(people.stderr).toMatch(/^prunecast: UNAVAILABLE: no server answers at 127\.0\.0\.1:1: check the address/);
    expect(people.stderr).toContain('prunecast serve --listen 127.0.0.1:1');
    expect(people.stderr).not.toMatch(/lost|Resolution note/);
    expect(JSON.parse(programs.stderr)).toMatchObject({ error: { code: 'UNAVAILABLE', exit_code: 1 } });
  });

  it('passes on the reason of an error, for people and for programs', async () => {
    const [people, programs] = await Promise.all([
      runCli(['jobs', 'get', 'nope', '--state-dir', join(folder, 'a')]),
      runCli(['jobs', 'get', 'nope', '--json', '--state-dir', join(folder, 'b')]),
    ]);
    expect(people).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^prunecast: JOB_NOT_FOUND: .*nope/) as string,
    });
    expect(JSON.parse(programs.stderr)).toMatchObject({ error: { code: 'NOT_FOUND', reason: 'JOB_NOT_FOUND' } });
  });
});

describe('prunecast serve', () => {
  it('tells its address, serves other commands, and stops on SIGTERM', async () => {
    const { address, remove } = makeSocket();
    const serve = startCli(['serve', '--listen', address, '--state-dir', join(folder, 'serve')]);
    await serve.says('listening');
    const listed = await runCli(['jobs', 'list', '--address', address]);
    serve.child.kill('SIGTERM');
    const { code, stdout } = await serve.result;
    remove();
    expect(listed.code).toBe(0);
    expect(code).toBe(0);
    expect(readJsonLines(stdout)).toMatchObject([{ address }]);
  });

  it.each([
    { signal: 'SIGINT', to: 'the command alone' },
    { signal: 'SIGINT', to: 'the process group, as by Ctrl-C' },
    { signal: 'SIGTERM', to: 'the process group' },
  ] as const)('ends its server in order after $signal to $to, with 0', async ({ signal, to }) => {
    const { address, remove } = makeSocket();
    const state = join(folder, `serve-${signal}-${to.length}`);
    const serve = startCli(['serve', '--listen', address, '--state-dir', state], { ownGroup: true });
    const { pid = NaN, stdout } = serve.child;
    if (stdout !== null) await once(stdout, 'data'); // its address: from now on it obeys signals
    process.kill(to === 'the command alone' ? pid : -pid, signal);
    const { code, stderr } = await serve.result; // ends when the server too has closed standard error
    remove();
    expect(code).toBe(0);
    expect(stderr).toContain('asked to stop');
    expect(stderr).not.toMatch(/not stopped/);
  });

  it.skipIf(!CAN_BE_FIRST)(
    'ends by a second signal with the code of a signal, also as the first process of a container',
    async () => {
      const { address, remove } = makeSocket();
      const command = [process.execPath, MAIN, 'serve', '--listen', address, '--state-dir', join(folder, 'first')];
      const serve = spawn('unshare', [...FIRST, ...command], { stdio: ['ignore', 'pipe', 'ignore'] });
      const exit = once(serve, 'exit');
      await once(serve.stdout, 'data');
      const first = Number(readFileSync(`/proc/${serve.pid}/task/${serve.pid}/children`, 'utf8'));
      // Two different ones, as equal ones may count once.
      process.kill(first, 'SIGINT');
      process.kill(first, 'SIGTERM');
      const [code] = (await exit) as [number | null];
      remove();
      expect([130, 143]).toContain(code);
    },
  );

  it('ends with 1 and says which setting is wrong', async () => {
    expect(await runCli(['serve', '--listen', 'nowhere'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('listen (--listen): ') as string,
    });
  });
});

describe('prunecast call', () => {
  it('takes fields in snake_case and camelCase, from a file, standard input or the command line', async () => {
    const file = join(folder, 'request.json');
    writeFileSync(file, '{"job_id": "a"}');
    const { address, remove } = makeSocket();
    const asked: unknown[] = [];
    const server = await listen(address, [
      [
        JobServiceService,
        jobs({
          getJob: (call, answer) => {
            asked.push(call.request);
            answer(
              null,
              GetJobResponse.fromPartial({ job: { id: call.request.jobId, lastSequence: 5, state: JobState.RUNNING } }),
            );
          },
        }),
      ],
    ]);
    const inline = await runCli(['call', 'JobService.GetJob', '--address', address, '--request', '@{"jobId": "b"}']);
    await runCli(['call', 'prunecast.v1.JobService/GetJob', '--address', address, '--request', file]);
    await runCli(['call', 'jobservice.getjob', '--address', address, '--request', '-'], { input: '{"job_id": "c"}' });
    server.forceShutdown();
    remove();
    expect(asked).toMatchObject([{ jobId: 'b' }, { jobId: 'a' }, { jobId: 'c' }]);
    expect(readJsonLines(inline.stdout)).toEqual([{ job: { id: 'b', state: 'JOB_STATE_RUNNING', lastSequence: '5' } }]);
  });

  it('refuses a field that does not exist, before anything is sent', async () => {
    const { code, stderr } = await runCli([
      'call',
      'JobService.GetJob',
      '--request',
      '@{"job": "b"}',
      '--address',
      'unix:/nowhere',
    ]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('"job" is unknown')]);
  });
});

describe('prunecast search', () => {
  it('cancels its job on the first Ctrl-C and ends with 1', async () => {
    const { address, remove } = makeSocket();
    const cancelled: string[] = [];
    const stream: { call?: ServerWritableStream<SearchRequest, SearchResponse> } = {};
    const server = await listen(address, [
      [
        PruningServiceService,
        pruning((call) => {
          stream.call = call;
          call.write({ event: progressEvent(1) });
        }),
      ],
      [
        JobServiceService,
        jobs({
          cancelJob: (call, answer) => {
            cancelled.push(call.request.jobId);
            stream.call?.write({
              event: endEvent(2, JobState.CANCELLED, detailedStatus(1, 'CANCELLED', 'cancelled by a caller')),
            });
            answer(null, GetJobResponse.fromPartial({}));
          },
        }),
      ],
    ]);
    const search = startCli(['search', '--model', 'm', '--remove', '20%', '--address', address]);
    await search.says('labelling');
    search.child.kill('SIGINT');
    const { code, stderr, stdout } = await search.result;
    server.forceShutdown();
    remove();
    expect(cancelled).toEqual(['job-1']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('press Ctrl-C again');
    expect(stderr).toContain('prunecast: CANCELLED: cancelled by a caller');
  });

  it('prints events as proto JSON and nothing else with --json, and leaves at once on the second Ctrl-C', async () => {
    const { address, remove } = makeSocket();
    const requests: SearchRequest[] = [];
    const server = await listen(address, [
      [
        PruningServiceService,
        pruning((call) => {
          requests.push(call.request);
          call.write({ event: progressEvent(1) });
        }),
      ],
      [JobServiceService, jobs({ cancelJob: (_, answer) => answer(null, GetJobResponse.fromPartial({})) })],
    ]);
    const search = startCli([
      'search',
      '--model',
      'm',
      '--remove',
      '20%',
      '--pairs',
      '50',
      '--pair-tokens',
      '2k',
      '--predictor-option',
      'depth=6',
      '--protect',
      'none',
      '--json',
      '--address',
      address,
    ]);
    const firstEvent = new Promise((done) => search.child.stdout?.once('data', done));
    await firstEvent;
    search.child.kill('SIGINT');
    await search.says('press Ctrl-C again');
    search.child.kill('SIGINT');
    const { code, stdout } = await search.result;
    server.forceShutdown();
    remove();
    expect(code).toBe(1);
    expect(readJsonLines(stdout)).toEqual([
      { jobId: 'job-1', sequence: '1', progress: { activity: 'labelling', done: '1', total: '10' } },
    ]);
    expect(requests).toMatchObject([
      {
        model: 'm',
        pairs: { count: 50, rungs: [{ tokenLimit: 2000n }] },
        predictor: { id: '', options: { depth: 6 } },
        space: { protectedLayers: { layers: [] } },
      },
    ]);
  });
});

type JobHandler = (
  call: { readonly request: { readonly jobId: string } },
  answer: (error: null, value: object) => void,
) => void;

function jobs(handlers: { readonly getJob?: JobHandler; readonly cancelJob?: JobHandler }) {
  return {
    getJob: silent,
    watchJob: silent,
    cancelJob: silent,
    resumeJob: silent,
    deleteJob: silent,
    listJobs: silent,
    ...handlers,
  };
}

function pruning(search: (call: ServerWritableStream<SearchRequest, SearchResponse>) => void) {
  return {
    prune: silent,
    planPrune: unimplemented,
    evaluate: silent,
    planEvaluate: unimplemented,
    predict: silent,
    search,
    planSearch: unimplemented,
  };
}

function silent(): void {}

/** As a server of another version may answer. */
function unimplemented(_call: unknown, answer: (error: { readonly code: status }) => void): void {
  answer({ code: status.UNIMPLEMENTED });
}
