import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { credentials, Metadata } from '@grpc/grpc-js';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createClient } from '../../../src/client/index.js';
import { EvaluateRequest, PruningServiceClient, SearchRequest } from '../../../src/gen/prunecast/v1/pruning.js';
import { createErrorSerializer } from '../../../src/server/config/serialize-error.js';
import { startServer } from '../../../src/server/start-server.js';
import { collectTrailers } from '../../support/collect-trailers.js';
import { SMALL_SEARCH, SMALL_TEXT, SMALL_WINDOWS, startDemoServer } from '../../support/small-search.js';
import { makeFolder } from '../../support/test-server.js';

type Line = Readonly<Record<string, unknown>>;

/** A log at every level, and what was written to it. */
function openLog() {
  const written: string[] = [];
  const log = pino(
    { level: 'trace', serializers: { err: createErrorSerializer(() => true) } },
    { write: (line: string) => void written.push(line) },
  );
  return { log, written, lines: () => written.map((line) => JSON.parse(line) as Line) };
}

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

/** Waits for a call that must fail. */
async function failureOf(call: Promise<unknown>): Promise<void> {
  if ((await Promise.allSettled([call]))[0].status !== 'rejected') throw new Error('the call did not fail');
}

describe('the log of calls and jobs', () => {
  it('names the call that started a job in its own line and in those of the job', async () => {
    const { log, lines } = openLog();
    await using demo = await startDemoServer({}, { log, startServer });
    const { server, client } = demo;
    const metadata = new Metadata();
    metadata.set('x-request-id', 'order-7');
    metadata.set('traceparent', `00-${TRACE}-${SPAN}-00`);
    const request = EvaluateRequest.fromPartial({
      model: 'stories260k',
      measurement: { text: SMALL_TEXT, windows: SMALL_WINDOWS },
    });
    expect((await collectTrailers(server.pruning.evaluate(request, metadata))).get('x-request-id')).toEqual([
      'order-7',
    ]);
    const [job] = (await client.services.jobs.listJobs({})).jobs;
    await client.services.jobs.getJob({ jobId: job?.id ?? '' });
    const ids = { request_id: 'order-7', trace_id: TRACE, span_id: SPAN, job_id: job?.id, caller: 'anonymous' };
    const own = lines().filter(({ request_id }) => request_id === 'order-7');
    expect(own.toSorted((a, b) => String(a['msg']).localeCompare(String(b['msg'])))).toMatchObject([
      { ...ids, msg: 'call', level: 30, method: 'prunecast.v1.PruningService/Evaluate', code: 'OK' },
      { ...ids, msg: 'job ended', level: 30, kind: 'EVALUATE', code: 'OK', state: 'succeeded' },
      { ...ids, msg: 'job started', level: 30, kind: 'EVALUATE' },
    ]);
    const looking = lines().filter(({ method }) => String(method).endsWith('Job'));
    expect(looking).toMatchObject([{ level: 20, code: 'OK', job_id: job?.id }]);
    expect(looking[0]?.['request_id']).not.toBe('order-7');
  });

  it('says why a call was refused, and nothing of what it sent: no token, no text, no wrong value', async () => {
    const folder = await makeFolder();
    const secret = 'hunter2correcthorse';
    const tokensFile = join(folder, 'tokens.json');
    const sha256 = createHash('sha256').update(secret).digest('hex');
    await writeFile(tokensFile, JSON.stringify({ tokens: [{ name: 'shop', scopes: ['admin'], sha256 }] }));
    const { log, written, lines } = openLog();
    {
      await using demo = await startDemoServer({ tokensFile, dashboard: '127.0.0.1:0' }, { log, startServer });
      const { server } = demo;
      const known = createClient({ address: server.address, token: secret });
      const unknown = createClient({ address: server.address, token: `x${secret}` });
      const inline = { source: { $case: 'inline', value: `${secret} `.repeat(40) } } as const;
      const evaluate = { model: 'stories260k', measurement: { text: inline, windows: SMALL_WINDOWS } };
      await failureOf(unknown.services.jobs.listJobs({}));
      await known.runEvaluate(evaluate);
      const broken = { source: { $case: 'inline', value: `${secret}\0` } } as const;
      await failureOf(known.runEvaluate({ ...evaluate, measurement: { text: broken } }));
      await failureOf(known.runEvaluate({ ...evaluate, model: secret }));
      await failureOf(known.services.jobs.getJob({ jobId: secret }));
      for (const predictor of [
        { id: secret },
        { id: 'ridge', options: { [secret]: 1 } },
        { id: 'ridge', options: { alpha: secret } },
      ])
        await failureOf(known.runSearch({ ...SMALL_SEARCH, predictor }));
      await failureOf(known.runSearch({ ...SMALL_SEARCH, labels: { [secret]: secret.repeat(100) } }));
      const rows = join(folder, 'rows.jsonl');
      await writeFile(rows, `{"text": "${secret}"}\n{"text": ${secret}\n`);
      const { path } = await known.upload(rows);
      await failureOf(
        known.runEvaluate({
          ...evaluate,
          measurement: { text: { source: { $case: 'path', value: path } }, windows: SMALL_WINDOWS },
        }),
      );
      const page = await fetch(new URL(`api/jobs/${secret}?view=${secret}`, server.dashboard), {
        headers: { authorization: `Bearer ${secret}` },
      });
      expect(page.status).toBeGreaterThanOrEqual(400);
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${secret}`);
      metadata.set('x-request-id', `"${secret}"`);
      metadata.set('x-api-key', secret);
      const raw = new PruningServiceClient(server.address, credentials.createInsecure());
      await failureOf(collectTrailers(raw.search(SearchRequest.fromPartial({ model: secret }), metadata)));
      raw.close();
      known.close();
      unknown.close();
    }
    await rm(folder, { recursive: true });
    const calls = lines().filter(({ msg }) => msg === 'call');
    const refused = calls.filter(({ code }) => code !== 'OK');
    expect(refused.map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['UNAUTHENTICATED', 'INVALID_REQUEST', 'MODEL_NOT_FOUND', 'JOB_NOT_FOUND']),
    );
    expect(refused).toHaveLength(11);
    expect(refused.filter(({ level }) => level !== 30)).toEqual([]);
    expect(refused).toContainEqual(
      expect.objectContaining({ fields: [expect.stringMatching(/text/)], caller: 'shop' }),
    );
    expect(written.filter((line) => line.includes(secret))).toEqual([]);
    expect(written.filter((line) => /authorization|Bearer/i.test(line))).toEqual([]);
  });
});
