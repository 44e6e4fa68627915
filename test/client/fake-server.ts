import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, QuotaFailure, RetryInfo } from '../../src/gen/google/rpc/error_details.js';
import { Status } from '../../src/gen/google/rpc/status.js';
import { JobEvent, JobState } from '../../src/gen/prunecast/v1/job.js';
import { PruningServiceService } from '../../src/gen/prunecast/v1/pruning.js';

/** A path for a unix socket in a folder of its own, and the removal of that folder. */
export function makeSocket(): { readonly address: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'prunecast-client-'));
  return { address: `unix:${join(folder, 's.sock')}`, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A grpc-js server with some of the methods of some services; the others answer UNIMPLEMENTED. */
export async function listen(
  address: string,
  services: readonly (readonly [typeof PruningServiceService | Definition, UntypedServiceImplementation])[],
): Promise<Server> {
  const server = new Server();
  for (const [definition, implementation] of services) server.addService(definition as Definition, implementation);
  await new Promise<void>((done, fail) =>
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => (error === null ? done() : fail(error))),
  );
  return server;
}

type Definition = Parameters<Server['addService']>[0];

/** A numbered progress event of the job `job-1`. */
export function progressEvent(sequence: number): JobEvent {
  return JobEvent.fromPartial({
    jobId: 'job-1',
    sequence,
    payload: { $case: 'progress', value: { activity: 'labelling', done: sequence, total: 10 } },
  });
}

/** The terminal event of the job `job-1`. */
export function endEvent(sequence: number, state: JobState = JobState.SUCCEEDED, error?: Status): JobEvent {
  return JobEvent.fromPartial({
    jobId: 'job-1',
    sequence,
    payload: {
      $case: 'ended',
      value: {
        state,
        ...(error !== undefined && { error }),
        result: { $case: 'search', value: { studyId: 'study-1' } },
      },
    },
  });
}

/** A status with all the details that a server may send. */
export function detailedStatus(
  code: number,
  reason: string,
  message: string,
  retryAfterMs: number | 'unsaid' = 1500,
): Status {
  return {
    code,
    message,
    details: [
      {
        typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo',
        value: pack(ErrorInfo.encode({ reason, domain: 'prunecast', metadata: { nearest: '7' } })),
      },
      {
        typeUrl: 'type.googleapis.com/google.rpc.BadRequest',
        value: pack(
          BadRequest.encode(BadRequest.fromPartial({ fieldViolations: [{ field: 'model', description: 'is empty' }] })),
        ),
      },
      {
        typeUrl: 'type.googleapis.com/google.rpc.QuotaFailure',
        value: pack(
          QuotaFailure.encode(
            QuotaFailure.fromPartial({ violations: [{ subject: 'kind:search', description: '4 of at most 4 wait' }] }),
          ),
        ),
      },
      ...(retryAfterMs === 'unsaid'
        ? []
        : [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value: packDelay(retryAfterMs) }]),
      { typeUrl: 'type.googleapis.com/some.other.Detail', value: Buffer.of(1, 2) },
    ],
  };
}

function packDelay(delayMs: number): Buffer {
  return pack(
    RetryInfo.encode({
      retryDelay: { seconds: BigInt(Math.floor(delayMs / 1000)), nanos: (delayMs % 1000) * 1_000_000 },
    }),
  );
}

/** A status as a grpc-js handler throws it. */
export function toServiceError(value: Status): { code: number; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', pack(Status.encode(value)));
  return { code: value.code, details: value.message, metadata };
}

function pack(writer: { finish(): Uint8Array }): Buffer {
  return Buffer.from(writer.finish());
}
