import { Metadata } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SearchRequest } from '../../../src/gen/prunecast/v1/pruning.js';
import { startTracing } from '../../../src/server/adapters/opentelemetry/start-tracing.js';
import { collectTrailers } from '../../support/collect-trailers.js';
import { SMALL_SEARCH, startDemoServer } from '../../support/small-search.js';
import { startSpanCollector, type CollectedSpan } from '../../support/span-collector.js';

type Line = Readonly<Record<string, unknown>>;

function openLog() {
  const lines: Line[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
  return { log, lines };
}

/** Starts tracing as a server process with these variables does. */
function trace(variables: Readonly<Record<string, string>>, log = openLog().log) {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  return startTracing(process.env, '1.2.3', log);
}

afterEach(() => vi.unstubAllEnvs());

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';

/** By how much a span lies outside of another, in milliseconds. The SDK takes begins from a clock of whole ones. */
function msBeyond(outer: CollectedSpan, inner: CollectedSpan): number {
  const before = BigInt(outer.startTimeUnixNano) - BigInt(inner.startTimeUnixNano);
  const after = BigInt(inner.endTimeUnixNano) - BigInt(outer.endTimeUnixNano);
  return Math.max(Number(before), Number(after)) / 1e6;
}

describe('a traced server', () => {
  it('makes a call, its job, the phases of the job and their trials part of the trace of its caller', async () => {
    await using collector = await startSpanCollector();
    const { log, lines } = openLog();
    const tracing = await trace(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_SERVICE_NAME: 'pruner',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
      },
      log,
    );
    const secret = 'hunter2correcthorse';
    const metadata = new Metadata();
    metadata.set('traceparent', `00-${TRACE}-${CALLER}-01`);
    metadata.set('authorization', `Bearer ${secret}`);
    try {
      await using demo = await startDemoServer({}, { log });
      const request = SearchRequest.fromPartial({ ...SMALL_SEARCH, labels: { team: secret } });
      await collectTrailers(demo.server.pruning.search(request, metadata));
      await demo.client.services.jobs.getJob({ jobId: secret }).catch(() => undefined);
    } finally {
      await tracing?.close(5000);
    }
    const { spans } = collector;
    const named = (name: string): CollectedSpan => {
      const found = spans.filter((span) => span.name === name);
      if (found[0] === undefined || found.length > 1) throw new Error(`${found.length} spans are called ${name}`);
      return found[0];
    };
    const childrenOf = ({ spanId }: CollectedSpan): readonly CollectedSpan[] =>
      spans.filter(({ parentSpanId }) => parentSpanId === spanId);
    const call = named('prunecast.v1.PruningService/Search');
    const line = lines.find(({ msg }) => msg === 'job ended');
    expect(call).toMatchObject({
      traceId: TRACE,
      parentSpanId: CALLER,
      kind: 2,
      attributes: {
        'rpc.system': 'grpc',
        'rpc.service': 'prunecast.v1.PruningService',
        'rpc.method': 'Search',
        'rpc.grpc.status_code': 0,
        'prunecast.job_id': line?.['job_id'],
        'prunecast.request_id': line?.['request_id'],
      },
    });
    const [job, ...others] = childrenOf(call);
    expect(others).toEqual([]);
    expect(job).toMatchObject({
      name: 'job SEARCH',
      attributes: { 'prunecast.job_id': line?.['job_id'], 'prunecast.state': 'succeeded' },
    });
    const phases = childrenOf(job as CollectedSpan);
    expect(phases.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['phase sample', 'phase fit', 'phase search', 'phase verify']),
    );
    expect(phases.filter(({ name }) => !name.startsWith('phase '))).toEqual([]);
    const trials = phases.flatMap((phase) => childrenOf(phase).map((trial) => ({ phase, trial })));
    const pairs = trials.filter(({ trial }) => trial.name === 'trial pair');
    expect(pairs).toHaveLength(12);
    expect(new Set(pairs.map(({ phase }) => phase.name))).toEqual(new Set(['phase recipe', 'phase sample']));
    expect(pairs[0]?.trial).toMatchObject({
      traceId: TRACE,
      attributes: { 'prunecast.outcome': 'paid', 'prunecast.tokens_spent': 128 },
    });
    const finalists = trials.filter(({ trial }) => trial.name === 'trial finalist');
    expect(finalists.map(({ phase }) => phase.name)).toEqual(['phase verify', 'phase verify']);
    for (const { phase, trial } of trials)
      for (const [outer, inner] of [[job, phase] as const, [phase, trial] as const]) {
        expect(outer === undefined ? 'no span' : msBeyond(outer, inner)).toBeLessThan(3);
      }
    const ids = { trace_id: TRACE, span_id: call.spanId };
    const own = lines.filter(({ trace_id }) => trace_id === TRACE);
    expect(own.map(({ msg }) => msg).sort()).toEqual(['call', 'job ended', 'job started']);
    expect(own).toMatchObject([ids, ids, ids]);

    const refused = named('prunecast.v1.JobService/GetJob');
    expect(refused.traceId).not.toBe(TRACE);
    expect(refused).toMatchObject({ attributes: { 'rpc.grpc.status_code': 5 } });
    expect(refused.status.code ?? 0).toBe(0); // a caller's fault is none of the server's
    expect(lines).toContainEqual(expect.objectContaining({ trace_id: refused.traceId, code: 'NOT_FOUND' }));
    expect(collector.resource).toMatchObject({
      'service.name': 'pruner',
      'service.version': '1.2.3',
      'deployment.environment': 'test',
    });
    expect(collector.bodies.join('')).not.toContain(secret);
  });

  it('serves without a collector, says so once, and stops in time', async () => {
    const { log, lines } = openLog();
    const tracing = await trace(
      {
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:1/v1/traces',
        OTEL_EXPORTER_OTLP_TIMEOUT: '50',
        OTEL_EXPORTER_OTLP_HEADERS: 'api-key=hunter2',
        OTEL_BSP_SCHEDULE_DELAY: '5',
      },
      log,
    );
    {
      await using demo = await startDemoServer({}, { log });
      for (let call = 0; call < 20; call += 1) await demo.client.services.jobs.listJobs({});
      await vi.waitFor(() => expect(lines.filter(({ level }) => level === 40)).toHaveLength(1));
      for (let call = 0; call < 20; call += 1) await demo.client.services.jobs.listJobs({});
    }
    const sinceMs = performance.now();
    await tracing?.close(100);
    expect(performance.now() - sinceMs).toBeLessThan(1000);
    expect(lines.filter(({ level }) => level === 40)).toMatchObject([
      { msg: expect.stringMatching(/^spans are lost/), cause: expect.stringMatching(/ECONNREFUSED/) },
    ]);
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });
});

describe('the variables of OpenTelemetry', () => {
  const address = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

  it.each<[string, Readonly<Record<string, string>>]>([
    ['nothing is set', {}],
    ['the address is empty', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    ['the SDK is disabled', { ...address, OTEL_SDK_DISABLED: 'true' }],
    ['no exporter is wanted', { ...address, OTEL_TRACES_EXPORTER: 'none' }],
  ])('start nothing, and say nothing, if %s', async (_, variables) => {
    const { log, lines } = openLog();
    expect(await startTracing(variables, '1', log)).toBeUndefined();
    expect(lines).toEqual([]);
  });

  it.each<[Readonly<Record<string, string>>, RegExp]>([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector, secret' }, /OTEL_EXPORTER_OTLP_ENDPOINT is no URL/],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'secret://a' }, /OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is no URL/],
    [{ ...address, OTEL_TRACES_EXPORTER: 'secret' }, /set `otlp` or `none`/],
    [{ ...address, OTEL_EXPORTER_OTLP_PROTOCOL: 'secret' }, /set one of http\/protobuf, http\/json, grpc/],
  ])('that cannot be followed (%o) are told in a line, without their value', async (variables, told) => {
    const { log, lines } = openLog();
    expect(await startTracing(variables, '1', log)).toBeUndefined();
    expect(lines).toMatchObject([{ level: 40, msg: expect.stringMatching(told) }]);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  it('that the SDK cannot follow are told too, and a header without its value', async () => {
    const { log, lines } = openLog();
    const tracing = await trace(
      {
        ...address,
        OTEL_TRACES_SAMPLER: 'sometimes',
        OTEL_EXPORTER_OTLP_COMPRESSION: 'zip',
        OTEL_EXPORTER_OTLP_HEADERS: 'api-key=hunter2%00',
      },
      log,
    );
    await tracing?.close(100);
    const told = lines.filter(({ level }) => level === 40).map(({ msg }) => String(msg));
    expect(told).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/OTEL_TRACES_SAMPLER/),
        expect.stringMatching(/OTEL_EXPORTER_OTLP_COMPRESSION/),
      ]),
    );
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });
});
