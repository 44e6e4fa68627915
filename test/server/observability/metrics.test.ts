import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createPrometheusMetrics } from '../../../src/server/adapters/prometheus/metrics.js';
import { readMetrics, sumOf } from '../../support/read-metrics.js';
import { SMALL_SEARCH, SMALL_TEXT, SMALL_WINDOWS, startDemoServer } from '../../support/small-search.js';
import { ask, startTestServer } from '../../support/test-server.js';

const ROOT = resolve(import.meta.dirname, '../../..');

describe('metrics', () => {
  it('move with the work of a server, in a form that Prometheus reads', { timeout: 120_000 }, async () => {
    await using demo = await startDemoServer({ metricsListen: '127.0.0.1:0' });
    const { server, client } = demo;
    const url = server.metrics ?? '';
    const scrape = async () => readMetrics(await (await fetch(url)).text());
    const before = await scrape();
    const of =
      (scraped: typeof before) =>
      (name: string, labels = {}) =>
        sumOf(scraped, name, labels);
    expect(
      ['prunecast_trials_total', 'prunecast_tokens_evaluated_total', 'prunecast_open_models'].map((name) =>
        of(before)(name),
      ),
    ).toEqual([0, 0, 0]);

    const [paid] = await client.runEvaluate({
      model: 'stories260k',
      measurement: { text: SMALL_TEXT, windows: SMALL_WINDOWS },
    });
    const middle = of(await scrape());
    expect(middle('prunecast_tokens_evaluated_total')).toBe(Number(paid?.tokensSpent));
    expect(middle('prunecast_labels_total', { outcome: 'paid' })).toBe(1);
    await client.runEvaluate({ model: 'stories260k', measurement: { text: SMALL_TEXT, windows: SMALL_WINDOWS } });
    // The second search has to wait for the first.
    const searches = [client.runSearch(SMALL_SEARCH), client.runSearch({ ...SMALL_SEARCH, seed: 4n })];
    await Promise.all(searches);
    await client.services.jobs.getJob({ jobId: 'job-unknown' }).catch(() => undefined);
    const watch = client.services.jobs.watchJob({ jobId: 'job-unknown' });
    await (async () => {
      for await (const _ of watch);
    })().catch(() => undefined);

    const scraped = await scrape();
    const after = of(scraped);
    const { studies } = await client.services.studies.listStudies({});
    expect(studies).toHaveLength(2);
    const trials = await Promise.all(
      studies.map(async ({ id }) => (await client.services.studies.getStudy({ studyId: id })).study?.trials ?? 0),
    );
    expect(after('prunecast_trials_total')).toBe(trials.reduce((sum, count) => sum + Number(count), 0));
    expect(after('prunecast_labels_total', { outcome: 'found' })).toBeGreaterThanOrEqual(1);
    expect(after('prunecast_labels_total', { outcome: 'paid' })).toBeGreaterThan(12);
    expect(after('prunecast_fit_duration_seconds_count', { outcome: 'fitted' })).toBe(4); // two fits for each search
    expect(after('prunecast_fit_duration_seconds_sum')).toBeGreaterThan(0);
    expect(after('prunecast_open_models')).toBe(1);
    expect(after('prunecast_jobs_total', { kind: 'SEARCH', state: 'queued' })).toBe(1);
    expect(after('prunecast_jobs_total', { kind: 'SEARCH', state: 'succeeded' })).toBe(2);
    expect(after('prunecast_job_wait_seconds_count', { kind: 'SEARCH' })).toBe(2);
    expect(after('prunecast_job_wait_seconds_sum', { kind: 'SEARCH' })).toBeGreaterThan(0);
    expect(after('prunecast_job_wait_seconds_sum', { kind: 'EVALUATE' })).toBe(0);
    expect(after('prunecast_job_duration_seconds_count', { kind: 'EVALUATE', state: 'succeeded' })).toBe(2);
    expect([after('prunecast_jobs_waiting'), after('prunecast_jobs_running')]).toEqual([0, 0]);
    expect(
      after('prunecast_call_duration_seconds_count', { method: 'prunecast.v1.PruningService/Search', code: 'OK' }),
    ).toBe(2);
    expect(
      after('prunecast_call_duration_seconds_count', { method: 'prunecast.v1.JobService/GetJob', code: 'NOT_FOUND' }),
    ).toBe(1);
    expect(after('prunecast_calls_in_flight')).toBe(0);
    expect(after('prunecast_event_loop_delay_seconds', { quantile: '1' })).toBeGreaterThan(0);
    expect(after('prunecast_resident_memory_bytes')).toBeGreaterThan(50e6);
    expect(after('prunecast_info')).toBe(1);
    // Nothing of requests is in it.
    expect(await (await fetch(url)).text()).not.toMatch(/stories260k|job-|study-/);
    const all = [...scraped.values()];
    expect(all.filter(({ help }) => !help.endsWith('.'))).toEqual([]);
    expect(all.filter(({ name, type }) => name.endsWith('_total') !== (type === 'counter'))).toEqual([]);
    expect(all.filter(({ name, type }) => type === 'histogram' && !name.endsWith('_seconds'))).toEqual([]);
    expect(all.filter(({ samples }) => samples.length > 500)).toEqual([]);
  });

  it('counts a method that the API does not have under one name, whatever callers send', async () => {
    await using server = await startTestServer({ config: { metricsListen: '127.0.0.1:0' } });
    for (const path of ['/a.B/C', '/a.B/D', '/prunecast.v1.JobService/Nothing'])
      await ask(
        server.jobs,
        (_request, metadata, options, callback) =>
          server.jobs.makeUnaryRequest(
            path,
            () => Buffer.alloc(0),
            () => ({}),
            {},
            metadata,
            options,
            callback,
          ),
        {},
      ).catch(() => undefined);
    const scraped = readMetrics(await (await fetch(server.metrics ?? '')).text());
    expect(sumOf(scraped, 'prunecast_call_duration_seconds_count', { method: 'unknown', code: 'UNIMPLEMENTED' })).toBe(
      3,
    );
  });

  it('answers GET /metrics alone, and only where it is asked to', async () => {
    await using without = await startTestServer();
    expect(without.metrics).toBeUndefined();
    await using server = await startTestServer({ config: { metricsListen: '127.0.0.1:0' } });
    const url = new URL(server.metrics ?? '');
    expect((await fetch(new URL('/', url))).status).toBe(404);
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(405);
    const answer = await fetch(url);
    expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    await expect(startTestServer({ config: { metricsListen: url.host } })).rejects.toThrow(
      /metrics: cannot listen on .*--metrics-listen/,
    );
  });

  it('are all on the page about them, with type, labels and help', async () => {
    const page = await readFile(resolve(ROOT, 'docs/observability.md'), 'utf8');
    const { registry, close } = createPrometheusMetrics('0');
    const text = await registry.metrics();
    close();
    const families = readMetrics(text);
    const described = [...page.matchAll(/^\| `(prunecast_\w+)` \| (\w+) \| ((?:`\w+`(?:, )?)*) \| (.+) \|$/gm)].map(
      ([, name, type, labels, help]) => ({
        name,
        type,
        labels: [...(labels ?? '').matchAll(/\w+/g)].map(String),
        help,
      }),
    );
    const known = (await registry.getMetricsAsArray()).map((metric) => ({
      name: (metric as { name?: string }).name,
      type: families.get((metric as { name?: string }).name ?? '')?.type,
      labels: [...((metric as { labelNames?: string[] }).labelNames ?? [])],
      help: (metric as { help?: string }).help,
    }));
    expect(described).toEqual(known);
  });
});
