import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import { Struct } from '../../../src/gen/google/protobuf/struct.js';
import { GetJobRequest, JobView, ListJobsRequest, WatchJobRequest } from '../../../src/gen/prunecast/v1/job.js';
import { InspectModelRequest } from '../../../src/gen/prunecast/v1/model.js';
import { EvaluateRequest, PruneRequest, SearchRequest } from '../../../src/gen/prunecast/v1/pruning.js';
import { createRequestReader } from '../../../src/server/requests/read-request.js';

const inspect = createRequestReader('/prunecast.v1.ModelService/InspectModel', (bytes) =>
  InspectModelRequest.decode(bytes),
);
const search = createRequestReader('/prunecast.v1.PruningService/Search', (bytes) => SearchRequest.decode(bytes));
const evaluate = createRequestReader('/prunecast.v1.PruningService/Evaluate', (bytes) => EvaluateRequest.decode(bytes));
const prune = createRequestReader('/prunecast.v1.PruningService/Prune', (bytes) => PruneRequest.decode(bytes));
const getJob = createRequestReader('/prunecast.v1.JobService/GetJob', (bytes) => GetJobRequest.decode(bytes));
const listJobs = createRequestReader('/prunecast.v1.JobService/ListJobs', (bytes) => ListJobsRequest.decode(bytes));
const watch = createRequestReader('/prunecast.v1.JobService/WatchJob', (bytes) => WatchJobRequest.decode(bytes));

/** A refusal as reason and fields; whatever was read otherwise. */
function outcome(read: unknown): unknown {
  return read instanceof PrunecastError
    ? { reason: read.reason, fields: read.violations.map(({ field }) => field), message: read.message }
    : read;
}

const encodeSearch = (value: Parameters<typeof SearchRequest.fromPartial>[0]) =>
  Buffer.from(SearchRequest.encode(SearchRequest.fromPartial(value)).finish());
const jobId = (bytes: Uint8Array) =>
  Buffer.from(new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(bytes).finish());

const withOptions = (options: unknown) =>
  encodeSearch({ predictor: { id: 'ridge', options: options as Record<string, unknown> } });
const nest = (depth: number): unknown =>
  Array.from({ length: depth }, () => 0).reduce<unknown>((inner) => ({ a: inner }), 1);

describe('a request that does not parse', () => {
  it.each([
    ['is truncated', Buffer.from([0x0a, 5, 97]), ['job_id']],
    ['has a text that is not UTF-8', jobId(Uint8Array.of(0xff, 0xfe)), ['job_id']],
    ['has a number where a text belongs', Buffer.from([0x08, 1]), ['job_id']],
    ['has a group', Buffer.from([0x0b, 0x0c]), []],
    ['has a tag of no field', Buffer.from([0x00, 0x00]), []],
    ['has a wire type that there is not', Buffer.from([0x0f]), []],
    ['has a field that it does not know, and which is truncated', Buffer.from([0x7a, 0x7f]), []],
  ] as const)('is refused by its method where it %s', (_, bytes, fields) => {
    expect(outcome(getJob(bytes))).toEqual({
      reason: 'MESSAGE_MALFORMED',
      fields: [...fields],
      message: expect.stringContaining('prunecast.v1.JobService/GetJob'),
    });
  });

  it('is refused where a nested message is longer than the one it is part of', () => {
    // space {kinds: ...} of one byte, whose list says that it has four.
    expect(outcome(inspect(Buffer.from([0x12, 2, 0x12, 4, 1, 1, 1, 1])))).toMatchObject({
      reason: 'MESSAGE_MALFORMED',
      fields: ['space.kinds'],
    });
  });

  it('is refused if a message that is not a list comes twice, as only one could count', () => {
    expect(outcome(inspect(Buffer.from([0x12, 0, 0x12, 0])))).toMatchObject({
      reason: 'MESSAGE_MALFORMED',
      fields: ['space'],
    });
  });

  it('never throws, whatever the bytes', () => {
    let state = 7;
    const next = () => (state = (state * 48271) % 2147483647);
    const good = encodeSearch({
      requestId: 'a',
      model: 'm',
      recipes: [{ criterion: { id: 'taylor', options: { order: 'first', list: [1, { a: null }] } } }],
      budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }],
      objectives: [{ metric: 'perplexity', weight: 1 }],
    });
    const read = Array.from({ length: 3000 }, () => {
      const bytes = Buffer.from(good);
      for (let flips = next() % 4; flips >= 0; flips--) bytes[next() % bytes.length] = next() % 256;
      return search(bytes.subarray(0, next() % (bytes.length + 1)));
    });
    expect(read.some((one) => one instanceof PrunecastError)).toBe(true);
    expect(read.some((one) => !(one instanceof PrunecastError))).toBe(true);
  });
});

describe('a request', () => {
  it('is read as it was sent, and what a newer client sends besides is passed over', () => {
    const bytes = Buffer.concat([
      jobId(Buffer.from('job-1')),
      new BinaryWriter().tag(99, WireType.LengthDelimited).string('newer').finish(),
    ]);
    expect(outcome(getJob(bytes))).toEqual({ jobId: 'job-1', view: JobView.UNSPECIFIED });
  });

  it('with lists that are not packed is read as one with packed lists, as older clients send them', () => {
    const layers = Buffer.from([0x08, 3, 0x08, 4]);
    const space = Buffer.concat([Buffer.from([0x0a, layers.length]), layers]);
    expect(inspect(Buffer.concat([Buffer.from([0x12, space.length]), space]))).toMatchObject({
      space: { protectedLayers: { layers: [3, 4] } },
    });
  });

  it.each([[5e-324], [1e-12], [1e-9], [1e-8], [1e-7], [0], [-0.1], [1.1], [NaN], [Infinity]])(
    'with a rate step of %d is refused by its field',
    (rateStep) => {
      expect(
        outcome(
          inspect(
            Buffer.from(
              InspectModelRequest.encode(InspectModelRequest.fromPartial({ model: 'm', space: { rateStep } })).finish(),
            ),
          ),
        ),
      ).toEqual({
        reason: 'SPACE_INVALID',
        fields: ['space.rate_step'],
        message: `space.rate_step: is ${rateStep}; allowed is 0.0001 to 1`,
      });
    },
  );

  it('is refused by the place of a value in a list, a map or options', () => {
    expect(outcome(search(encodeSearch({ budgets: [{}, { bytesPerNumber: 0 }] })))).toMatchObject({
      fields: ['budgets[1].bytes_per_number'],
    });
    expect(outcome(search(encodeSearch({ budgets: [{ contextTokens: -1 }] })))).toMatchObject({
      fields: ['budgets[0].context_tokens'],
    });
    expect(
      outcome(search(encodeSearch({ recipes: [{ criterion: { options: { list: [1, { deep: NaN }] } } }] }))),
    ).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['recipes[0].criterion.options.list[1].deep'] });
  });

  it('with an unknown enum value is refused with the known ones', () => {
    expect(outcome(listJobs(Buffer.from([0x08, 77])))).toMatchObject({
      reason: 'INVALID_REQUEST',
      fields: ['kind'],
      message: expect.stringContaining('JOB_KIND_SEARCH (3)'),
    });
  });

  it('with an integer that a double does not hold, or beyond 32 bits, is refused, not cut off', () => {
    expect(
      outcome(watch(Buffer.from(WatchJobRequest.encode({ jobId: 'a', afterSequence: 2n ** 53n }).finish()))),
    ).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['after_sequence'] });
    // page_size 2^32 + 5, which 32 bits would take for 5.
    expect(outcome(listJobs(Buffer.from([0x18, 0x85, 0x80, 0x80, 0x80, 0x10])))).toMatchObject({
      fields: ['page_size'],
      message: expect.stringContaining('4294967301'),
    });
  });

  it('whose options are nested without end, many, or long is refused before they are read', () => {
    expect(outcome(search(withOptions(nest(17))))).toMatchObject({ predictor: { id: 'ridge' } });
    expect(outcome(search(withOptions(nest(18))))).toMatchObject({
      reason: 'INVALID_REQUEST',
      message: expect.stringContaining('nested deeper than 16'),
    });
    const many = (length: number) => withOptions({ a: Array.from({ length }, () => 1) });
    expect(outcome(search(many(4999)))).toMatchObject({ predictor: { id: 'ridge' } });
    expect(outcome(search(many(5000)))).toMatchObject({
      reason: 'INVALID_REQUEST',
      fields: ['predictor.options.a[4999]'],
    });
    expect(outcome(search(withOptions({ a: 'x'.repeat(70_000) })))).toMatchObject({
      fields: ['predictor.options'],
      message: expect.stringContaining('at most 65,536'),
    });
    // 2,000 Structs in each other, by hand: it is refused before any recursion gets that deep.
    let bytes: Uint8Array = new Uint8Array(0);
    for (let depth = 0; depth < 2000; depth++) {
      const value = new BinaryWriter().tag(5, WireType.LengthDelimited).bytes(bytes).finish();
      bytes = new BinaryWriter()
        .tag(1, WireType.LengthDelimited)
        .bytes(new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(value).finish())
        .finish();
    }
    expect(
      outcome(prune(Buffer.from(new BinaryWriter().tag(8, WireType.LengthDelimited).bytes(bytes).finish()))),
    ).toMatchObject({ reason: 'INVALID_REQUEST', message: expect.stringContaining('nested deeper') });
  });

  it('of 4 MB of the smallest messages is refused or read without holding up others for long', () => {
    const targets = Buffer.from(Uint8Array.from({ length: 4_000_000 }, (_, index) => (index % 2 === 0 ? 0x1a : 0)));
    const manifest = Buffer.from(
      Struct.encode(Struct.wrap({ a: Array.from({ length: 300_000 }, (_, index) => index) })).finish(),
    );
    for (const read of [
      () => evaluate(targets),
      () => prune(Buffer.from(new BinaryWriter().tag(8, WireType.LengthDelimited).bytes(manifest).finish())),
    ]) {
      read(); // compiled
      const { user } = process.cpuUsage();
      read();
      expect(process.cpuUsage({ user, system: 0 }).user / 1000).toBeLessThan(250);
    }
  });
});
