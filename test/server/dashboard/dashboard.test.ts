import { EventEmitter, once } from 'node:events';
import { request as askHttp, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { ContainerModule } from 'inversify';
import { describe, expect, it } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import { Job, JobEvent, JobProgress, JobServiceService, JobState } from '../../../src/gen/prunecast/v1/job.js';
import { StudyServiceService } from '../../../src/gen/prunecast/v1/study.js';
import type { ConfigOptions } from '../../../src/server/config/config.js';
import { loadConfig } from '../../../src/server/config/config.js';
import { PARTS } from '../../../src/server/parts.js';
import { defineService, type RpcService } from '../../../src/server/rpc/rpc-service.js';
import { TOKENS } from '../../../src/server/tokens.js';
import { startSourceServer } from '../../support/source-server.js';
import type { TestServer } from '../../support/test-server.js';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const COMMAND = { 'x-prunecast-request': 'test' };

function openDashboard(
  services: readonly RpcService[],
  { config = {}, modules = [] }: { config?: ConfigOptions; modules?: readonly ContainerModule[] } = {},
): Promise<TestServer> {
  return startSourceServer({
    config: { dashboard: '127.0.0.1:0', ...config },
    modules: [
      new ContainerModule(({ bind }) => {
        for (const service of services) bind(PARTS.rpcService).toConstantValue(service);
      }),
      ...modules,
    ],
  });
}

/** Sends one request, with headers that `fetch` does not let a program set. */
function open(
  { dashboard = '' }: TestServer,
  path: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = askHttp(new URL(path, dashboard), { method, headers, agent: false }, resolve);
    sent.once('error', reject);
    sent.end(body);
  });
}

async function ask(...asked: Parameters<typeof open>): Promise<Answer> {
  const response = await open(...asked);
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString('utf8') };
}

function failureOf({ status, text }: Answer): { readonly status: number; readonly reason: string } {
  const { error } = JSON.parse(text) as { error: { reason: string; message: string } };
  expect(error.message).not.toBe('');
  return { status, reason: error.reason };
}

/** The messages of a stream of server-sent events, fields as they came. */
function readEvents(text: string): Readonly<Record<string, string>>[] {
  return text
    .split('\n\n')
    .filter((message) => message !== '')
    .map((message) =>
      Object.fromEntries(
        message.split('\n').map((line): [string, string] => /^(\w+): ([^]*)$/.exec(line)?.slice(1) as never),
      ),
    );
}

/** A service that notes what it is asked to cancel. */
const cancelling = () => {
  const cancelled: string[] = [];
  const service = defineService(JobServiceService, {
    cancelJob: ({ jobId }) => {
      cancelled.push(jobId);
      return { job: undefined };
    },
    listJobs: () => ({ jobs: [], nextPageToken: '' }),
  });
  return { cancelled, service };
};

const listenOn = (dashboard: string, dashboardHosts: string[] = []) => loadConfig({}, { dashboard, dashboardHosts });

const event = (sequence: number, payload: JobEvent['payload'] = { $case: 'started', value: {} }) => ({
  event: JobEvent.create({ jobId: 'a', sequence: BigInt(sequence), payload }),
});

describe('the dashboard', () => {
  it('is not there unless the settings name its address', async () => {
    await using server = await startSourceServer();
    expect(server.dashboard).toBeUndefined();
  });

  it('answers with the messages of the API as proto JSON', async () => {
    await using server = await openDashboard([
      defineService(JobServiceService, {
        getJob: ({ jobId }) => ({
          job: Job.fromPartial({ id: jobId, state: JobState.RUNNING, lastSequence: 2n ** 53n + 1n }),
        }),
        cancelJob: ({ jobId }) => ({ job: Job.fromPartial({ id: jobId, state: JobState.CANCELLED }) }),
        resumeJob: ({ jobId, ranges }) => ({
          job: Job.fromPartial({ id: jobId, requestId: ranges[0]?.dimension ?? '' }),
        }),
      }),
    ]);
    const got = await ask(server, '/api/jobs/a%2Fb');
    expect(got.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(JSON.parse(got.text)).toEqual({
      job: { id: 'a/b', state: 'JOB_STATE_RUNNING', lastSequence: '9007199254740993' },
    });
    const cancelled = await ask(server, '/api/jobs/a/cancel', { method: 'POST', headers: COMMAND });
    expect(JSON.parse(cancelled.text)).toEqual({ job: { id: 'a', state: 'JOB_STATE_CANCELLED' } });
    const resumed = await ask(server, '/api/jobs/a/resume', {
      method: 'POST',
      headers: COMMAND,
      body: '{"ranges":[{"dimension":"layers.1.kv_heads","minRate":0,"maxRate":0.5}]}',
    });
    expect(JSON.parse(resumed.text)).toEqual({ job: { id: 'a', requestId: 'layers.1.kv_heads' } });
  });

  it('answers with errors as JSON, each with its reason and the status of its code', async () => {
    await using server = await openDashboard([]);
    const failures = await Promise.all(
      [
        ask(server, '/api/jobs/none'),
        ask(server, '/api/jobs/none/events'),
        ask(server, '/api/studies/none'),
        ask(server, '/api/jobs?page_size=1001'),
        ask(server, '/api/jobs?page_size=many'),
        ask(server, '/api/jobs?state=JOB_STATE_ASLEEP'),
        ask(server, '/api/jobs?colour=red'),
        ask(server, '/api/jobs/a/resume', { method: 'POST', headers: COMMAND, body: '{' }),
        ask(server, '/api/jobs/a/resume', { method: 'POST', headers: COMMAND, body: ' '.repeat(2 ** 20) }),
        ask(server, '/api/jobs/a/events', { headers: { 'last-event-id': 'first' } }),
        ask(server, '/api/models'),
        ask(server, '/../package.json'),
        ask(server, '/api/jobs', { method: 'DELETE', headers: COMMAND }),
      ].map(async (answer) => failureOf(await answer)),
    );
    expect(failures).toEqual([
      { status: 404, reason: 'JOB_NOT_FOUND' },
      { status: 404, reason: 'JOB_NOT_FOUND' },
      { status: 404, reason: 'STUDY_NOT_FOUND' },
      ...Array.from({ length: 5 }, () => ({ status: 400, reason: 'INVALID_REQUEST' })),
      { status: 429, reason: 'REQUEST_TOO_LARGE' },
      { status: 400, reason: 'INVALID_REQUEST' },
      ...Array.from({ length: 3 }, () => ({ status: 404, reason: 'PAGE_NOT_FOUND' })),
    ]);
  });

  it('says what is wrong with a request in one sentence, without the names of errors and places in the source', async () => {
    await using server = await openDashboard([]);
    const { error } = JSON.parse((await ask(server, '/api/jobs?page_size=abc')).text) as { error: { message: string } };
    expect(error.message).toContain('page_size');
    expect(error.message).not.toMatch(/Error:|\n|file:|\bat /);
  });

  it('hides the cause of a fault of the server', async () => {
    await using server = await openDashboard([
      defineService(JobServiceService, { getJob: () => Promise.reject(new Error('secret at /etc/keys')) }),
    ]);
    const answer = await ask(server, '/api/jobs/a');
    expect(failureOf(answer)).toEqual({ status: 500, reason: 'INTERNAL' });
    expect(answer.text).not.toContain('secret');
  });

  it('lists a thousand jobs in pages', async () => {
    const all = Array.from({ length: 1000 }, (_, index) => `job-${index}`);
    await using server = await openDashboard([
      defineService(JobServiceService, {
        listJobs: ({ pageSize, pageToken }) => {
          const start = Number(pageToken);
          const next = start + pageSize < all.length ? String(start + pageSize) : '';
          return { jobs: all.slice(start, start + pageSize).map((id) => Job.fromPartial({ id })), nextPageToken: next };
        },
      }),
    ]);
    const seen: string[] = [];
    let token = '';
    do {
      const { text } = await ask(server, `/api/jobs?page_size=300&page_token=${token}`);
      const { jobs, nextPageToken = '' } = JSON.parse(text) as { jobs: { id: string }[]; nextPageToken?: string };
      seen.push(...jobs.map(({ id }) => id));
      token = nextPageToken;
    } while (token !== '');
    expect(seen).toEqual(all);
  });

  it('serves its page under a policy that allows nothing but itself', async () => {
    await using server = await openDashboard([]);
    const page = await ask(server, '/');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    const directives = new Map(
      String(page.headers['content-security-policy'])
        .split('; ')
        .map((directive): [string, string] => [directive.split(' ')[0] ?? '', directive.split(' ').slice(1).join(' ')]),
    );
    expect(directives.get('default-src')).toBe("'none'");
    for (const name of ['script-src', 'style-src', 'connect-src']) expect(directives.get(name)).toBe("'self'");
    expect(directives.get('frame-ancestors')).toBe("'none'");
    expect(page.headers['x-content-type-options']).toBe('nosniff');
    const files = [...page.text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = '']) => path);
    expect(files.length).toBeGreaterThanOrEqual(3);
    for (const file of files) expect((await ask(server, file)).status).toBe(200);
  });
});

describe('a stream of events', () => {
  it('comes as server-sent events whose ids are the numbers of the events, and goes on after Last-Event-ID', async () => {
    await using server = await openDashboard([
      defineService(JobServiceService, {
        watchJob: async function* ({ afterSequence }) {
          for (let sequence = Number(afterSequence) + 1; sequence <= 4; sequence += 1) yield event(sequence);
          yield event(0, { $case: 'heartbeat', value: {} });
        },
      }),
    ]);
    const all = await ask(server, '/api/jobs/a/events');
    expect(all.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(readEvents(all.text).map(({ id }) => id)).toEqual(['1', '2', '3', '4', undefined]);
    expect(readEvents(all.text).map(({ data = '' }) => JSON.parse(data) as unknown)[1]).toEqual({
      event: { jobId: 'a', sequence: '2', started: {} },
    });
    const rest = await ask(server, '/api/jobs/a/events', { headers: { 'last-event-id': '3' } });
    expect(readEvents(rest.text).map(({ id }) => id)).toEqual(['4', undefined]);
  });

  it('says with its reason why it broke off', async () => {
    await using server = await openDashboard([
      defineService(JobServiceService, {
        watchJob: async function* () {
          yield event(1);
          throw new PrunecastError('EVENTS_COMPACTED', 'gone', { metadata: { oldest_sequence: '7' } });
        },
      }),
    ]);
    const [first, last] = readEvents((await ask(server, '/api/jobs/a/events')).text);
    expect(first).toMatchObject({ id: '1' });
    expect(last).toMatchObject({ event: 'error' });
    expect(JSON.parse(last?.['data'] ?? '')).toMatchObject({
      error: { reason: 'EVENTS_COMPACTED', metadata: { oldest_sequence: '7' } },
    });
  });

  it('is held back by a browser that does not read, and ends with it', async () => {
    let made = 0;
    const ended = new EventEmitter();
    const end = once(ended, 'end');
    await using server = await openDashboard([
      defineService(JobServiceService, {
        watchJob: async function* () {
          try {
            for (;;) {
              made += 1;
              yield event(made, { $case: 'progress', value: JobProgress.create({ activity: 'x'.repeat(100_000) }) });
            }
          } finally {
            ended.emit('end');
          }
        },
      }),
    ]);
    const response = await open(server, '/api/jobs/a/events');
    response.pause();
    // Until the buffers of both ends are full: then nothing is made any more.
    let before = -1;
    while (made !== before) {
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(made).toBeLessThan(1000);
    response.destroy();
    await end;
  });

  it('ends with SERVER_STOPPING when the server stops, which waits for nobody', async () => {
    const server = await openDashboard(
      [
        defineService(JobServiceService, {
          watchJob: async function* (_request, { signal }) {
            yield event(1);
            await new Promise((resolve) => signal.addEventListener('abort', resolve));
          },
        }),
      ],
      { config: { shutdownGraceMs: 600_000 } },
    );
    const { hostname, port } = new URL(server.dashboard ?? '');
    const idle = connect(Number(port), hostname);
    const stream = await open(server, '/api/jobs/a/events');
    const first = new Promise((resolve) => stream.once('data', resolve));
    await first;
    const rest: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => rest.push(chunk));
    const closed = new Promise((resolve) => stream.once('close', resolve));
    await server.stop();
    await closed;
    expect(Buffer.concat(rest).toString('utf8')).toContain('SERVER_STOPPING');
    idle.destroy();
    await server[Symbol.asyncDispose]();
  });
});

describe('a request that the page did not send', () => {
  it('is refused under a foreign host name, so that no site can pass for the dashboard by its DNS', async () => {
    const { cancelled, service } = cancelling();
    await using server = await openDashboard([service], { config: { dashboardHosts: ['Pruning.lan', '[fd00::5]'] } });
    const { port } = new URL(server.dashboard ?? '');
    const statusUnder = async (host: string) => (await ask(server, '/api/jobs', { headers: { host } })).status;
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example', 'localhost.evil.example'])
      expect([host, await statusUnder(host)]).toEqual([host, 403]);
    for (const host of [
      `127.0.0.1:${port}`,
      'localhost',
      `LOCALHOST:${port}`,
      '[::1]:80',
      'pruning.lan:443',
      '[fd00::5]',
    ])
      expect([host, await statusUnder(host)]).toEqual([host, 200]);
    const page = await ask(server, '/', { headers: { host: 'evil.example' } });
    expect(failureOf(page)).toEqual({ status: 403, reason: 'ORIGIN_REFUSED' });
    expect(cancelled).toEqual([]);
  });

  it.each([
    ['without the header of the page', {}],
    ['from another site', { ...COMMAND, origin: 'https://evil.example' }],
    ['from another port', { ...COMMAND, origin: 'http://127.0.0.1:1' }],
    ['from a sandboxed page', { ...COMMAND, origin: 'null' }],
    ['that a browser marks as cross-site', { ...COMMAND, 'sec-fetch-site': 'cross-site' }],
    ['that a browser marks as same-site', { ...COMMAND, 'sec-fetch-site': 'same-site' }],
    ['that is a form', { 'content-type': 'application/x-www-form-urlencoded', origin: 'https://evil.example' }],
  ])('cancels nothing %s', async (_name, headers) => {
    const { cancelled, service } = cancelling();
    await using server = await openDashboard([service]);
    const answer = await ask(server, '/api/jobs/a/cancel', {
      method: 'POST',
      headers: headers as Record<string, string>,
    });
    expect(failureOf(answer)).toEqual({ status: 403, reason: 'ORIGIN_REFUSED' });
    expect(cancelled).toEqual([]);
  });

  it('gets no leave from a preflight', async () => {
    const { service } = cancelling();
    await using server = await openDashboard([service]);
    const preflight = await ask(server, '/api/jobs/a/cancel', {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-headers': 'x-prunecast-request' },
    });
    expect(preflight.status).toBeGreaterThanOrEqual(400);
    expect(Object.keys(preflight.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('is let through with the header and the own origin', async () => {
    const { cancelled, service } = cancelling();
    await using server = await openDashboard([service]);
    const { origin } = new URL(server.dashboard ?? '');
    await ask(server, '/api/jobs/a/cancel', {
      method: 'POST',
      headers: { ...COMMAND, origin, 'sec-fetch-site': 'same-origin' },
    });
    expect(cancelled).toEqual(['a']);
  });
});

describe('an authenticator', () => {
  it('decides about the calls of the dashboard as about those of gRPC, by the same headers', async () => {
    const asked: string[] = [];
    const authenticator = new ContainerModule(({ bind }) => {
      bind(TOKENS.authenticator).toConstantValue({
        check: (call) => {
          asked.push(call.method);
          expect(call.peer).toMatch(/^127\.0\.0\.1:\d+$/);
          if (call.header('authorization')[0] !== 'Bearer right')
            throw new PrunecastError('UNAUTHENTICATED', 'who are you?');
        },
      });
    });
    await using server = await openDashboard([], { modules: [authenticator] });
    const paths = ['/api/jobs', '/api/jobs/a', '/api/jobs/a/events', '/api/studies', '/studies/a/report.html'];
    for (const path of paths)
      expect({ path, ...failureOf(await ask(server, path)) }).toEqual({ path, status: 401, reason: 'UNAUTHENTICATED' });
    const wrong = await ask(server, '/api/jobs/a/cancel', {
      method: 'POST',
      headers: { ...COMMAND, authorization: 'Bearer wrong' },
    });
    expect(wrong.status).toBe(401);
    expect(asked).toHaveLength(paths.length + 1);
    const right = await ask(server, '/api/jobs', { headers: { authorization: 'Bearer right' } });
    expect(right.status).toBe(200);
  });
});

describe('the address of the dashboard', () => {
  it.each(['0.0.0.0:8080', '[::]:8080', '192.168.1.5:8080', 'pruning.lan:8080', '127.0.0.1.evil.example:8080'])(
    'may be %s only if the hosts are named by which it is reached',
    (address) => {
      expect(() => listenOn(address)).toThrow(/dashboard \(PRUNECAST_DASHBOARD\).*dashboardHosts/);
      expect(listenOn(address, ['pruning.lan']).dashboard).toBe(address);
    },
  );

  it.each(['127.0.0.1:8080', 'localhost:0', '[::1]:8080'])('may be %s', (address) => {
    expect(listenOn(address).dashboard).toBe(address);
  });

  it('that another program has is told when the server starts', async () => {
    await using server = await openDashboard([]);
    const { host } = new URL(server.dashboard ?? '');
    await expect(startSourceServer({ config: { dashboard: host } })).rejects.toThrow(
      `the dashboard cannot listen on ${host}: another program listens there: stop it, or choose another port`,
    );
  });
});

describe('a report', () => {
  it('is a page of its own that counts as another site', async () => {
    await using server = await openDashboard([
      defineService(StudyServiceService, {
        getStudyReport: ({ studyId, format }) => ({ overview: undefined, document: `<p>${studyId} ${format}</p>` }),
      }),
    ]);
    const page = await ask(server, '/studies/s/report.html');
    expect(page.text).toBe('<p>s 1</p>');
    expect(page.headers['content-security-policy']).toMatch(/^sandbox(?!.*allow-same-origin)/);
  });
});
