import { existsSync } from 'node:fs';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { credentials, type ClientReadableStream } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { residentMib } from '../../../bench/resident-mib.js';
import { FileServiceClient } from '../../../src/gen/prunecast/v1/file.js';
import { JobProgress, JobServiceClient, JobState, type WatchJobResponse } from '../../../src/gen/prunecast/v1/job.js';
import { openDatabase } from '../../../src/server/adapters/sqlite/open-database.js';
import { newJob } from '../../support/job-records.js';
import { startServerChild, type ServerChild } from '../../support/server-child.js';
import { recordsIn } from '../../support/test-database.js';
import { makeFolder } from '../../support/test-server.js';

const CALLERS = 32;
/** Of the file that each downloads, and of all events that each watches: 32 GiB and 1 GiB together. */
const FILE_MIB = 1024;
const EVENTS_MIB = 32;
const EVENT_BYTES = 2 ** 16;
const EVENTS = (EVENTS_MIB * 2 ** 20) / EVENT_BYTES;
/** A chunk of the file, or a batch of events, is a MiB, which is there some times over on its way to the connection. */
const HELD_MIB = 8;

/** How long the server may still fill its buffers after the first message. */
const SETTLE_MS = 1000;

const OWN_CONNECTION = { 'grpc.use_local_subchannel_pool': 1 };

let folder: string;
let server: ServerChild;
beforeAll(async () => {
  folder = await makeFolder();
  const output = join(folder, 'outputs/large');
  await mkdir(output, { recursive: true });
  await writeFile(join(output, 'prunecast.json'), '{}');
  const file = await open(join(output, 'model.safetensors'), 'w');
  await file.truncate(FILE_MIB * 2 ** 20);
  await file.close();
  await storeEvents(join(folder, 'state'));
  server = await startServerChild(folder);
});
afterAll(async () => {
  await server.signal('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** A job that has ended, whose events are large. */
async function storeEvents(stateDirectory: string): Promise<void> {
  await mkdir(stateDirectory, { mode: 0o700 });
  const { database, close } = await openDatabase(stateDirectory);
  const { jobs } = recordsIn(database);
  const held = await jobs.create(newJob('watched'), { $case: 'queued', value: { place: 0 } }, LEASE);
  const large = { $case: 'progress', value: JobProgress.fromPartial({ activity: 'x'.repeat(EVENT_BYTES) }) } as const;
  await jobs.append(
    Array.from({ length: EVENTS }, () => ({ ...held, payload: large })),
    0,
  );
  await jobs.append([{ ...held, payload: ENDED }], 0);
  await close();
}

const LEASE = { owner: 'test', untilMs: 1 };
const ENDED = {
  $case: 'ended',
  value: { state: JobState.CANCELLED, error: undefined, result: undefined },
} as const;

/** Opens a stream for each caller, which reads the first message and no more; what the server then holds for one, in MiB. */
async function stall<Caller extends { close(): void }>(
  Client: new (...args: ConstructorParameters<typeof JobServiceClient>) => Caller,
  begin: (caller: Caller) => ClientReadableStream<unknown>,
): Promise<{ readonly heldMib: number; leave(): void }> {
  const before = await residentMib(server.processId);
  const callers = Array.from(
    { length: CALLERS },
    () => new Client(server.address, credentials.createInsecure(), OWN_CONNECTION),
  );
  const streams = callers.map(begin);
  await Promise.all(
    streams.map(
      (stream) =>
        new Promise<void>((resolve) => {
          stream.on('error', () => undefined);
          stream.once('data', () => {
            stream.pause();
            resolve();
          });
        }),
    ),
  );
  await pause(SETTLE_MS);
  return {
    heldMib: ((await residentMib(server.processId)) - before) / CALLERS,
    leave: () => {
      for (const stream of streams) stream.cancel();
      for (const caller of callers) caller.close();
    },
  };
}

function watch(caller: JobServiceClient): ClientReadableStream<WatchJobResponse> {
  return caller.watchJob({ jobId: 'watched', afterSequence: 0n });
}

describe.skipIf(!existsSync('/proc/self/status'))('callers that do not read their streams', () => {
  it('of events have the server hold a batch for each, and others get all events meanwhile', async () => {
    const { heldMib, leave } = await stall(JobServiceClient, watch);
    expect(heldMib).toBeLessThan(HELD_MIB);
    const reader = new JobServiceClient(server.address, credentials.createInsecure(), OWN_CONNECTION);
    const sequences: bigint[] = [];
    for await (const { event } of watch(reader) as AsyncIterable<WatchJobResponse>)
      if (event !== undefined) sequences.push(event.sequence);
    expect(sequences).toEqual(Array.from({ length: EVENTS + 2 }, (_, index) => BigInt(index + 1)));
    leave();
    reader.close();
  });

  it('of a file have the server hold a chunk for each', async () => {
    const { heldMib, leave } = await stall(FileServiceClient, (caller) =>
      caller.downloadOutput({ output: 'large', file: 'model.safetensors', offset: 0n }),
    );
    expect(heldMib).toBeLessThan(HELD_MIB);
    leave();
  });
});
