import type { OutputFolders } from '../../core/ports/outputs.js';
import {
  FileServiceService,
  type OutputCheck,
  VerifyOutputRequest,
  type VerifyOutputResponse,
} from '../../gen/prunecast/v1/file.js';
import { downloadOutput } from '../transfers/download-output.js';
import { listOutputs } from '../transfers/list-outputs.js';
import { deleteUpload, listUploads, uploadFile, type UploadServices } from '../transfers/uploads.js';
import { verifyOutput, type VerifyServices } from '../verification/verify-output.js';
import type { CallQueues } from '../admission/call-queues.js';
import { attend } from './attend.js';
import type { CallContext } from './interceptors/call-context.js';
import type { Responses } from './responses.js';
import { defineService, type RpcService } from './rpc-service.js';
import { tellOpening } from './tell-opening.js';

export interface FileServices extends UploadServices, VerifyServices {
  readonly outputs: OutputFolders;
  readonly queues: Pick<CallQueues, 'verify'>;
}

/** `FileService`: what callers without a shared disk send and fetch. */
export function createFileService(services: FileServices): RpcService {
  const { outputs } = services;
  return defineService(FileServiceService, {
    listOutputs: (request, { signal }) => listOutputs(outputs, request, signal),
    downloadOutput: (request) => downloadOutput(outputs, request),
    verifyOutput: (request, context) => followChecks(services, request, context),
    uploadFile: (requests) => uploadFile(services, requests),
    listUploads: (request) => listUploads(services, request),
    deleteUpload: async ({ path }) => {
      await deleteUpload(services, path);
      return {};
    },
  });
}

/** The checks of an output as they are done, with progress between them. It ends with its caller. */
async function* followChecks(
  services: FileServices,
  request: VerifyOutputRequest,
  { signal, caller }: CallContext,
): Responses<VerifyOutputResponse> {
  const done: OutputCheck[] = [];
  const bytes = (): number => VerifyOutputRequest.encode(request).finish().length;
  const told = tellOpening(signal, (context) =>
    services.queues.verify.run({ caller, signal, bytes }, () =>
      verifyOutput(attend(services, context), request, context, (check) => done.push(check)),
    ),
  );
  for (;;) {
    const next = await told.next();
    for (const check of done.splice(0)) yield { event: { $case: 'check', value: check } };
    if (next.done) return;
    const { payload } = next.value.event;
    yield { event: payload?.$case === 'progress' ? payload : undefined };
  }
}
