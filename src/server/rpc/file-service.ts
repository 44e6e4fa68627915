import type { OutputFolders } from '../../core/ports/outputs.js';
import { FileServiceService } from '../../gen/prunecast/v1/file.js';
import { downloadOutput } from '../transfers/download-output.js';
import { listOutputs } from '../transfers/list-outputs.js';
import { deleteUpload, listUploads, uploadFile, type UploadServices } from '../transfers/uploads.js';
import { defineService, type RpcService } from './rpc-service.js';

export interface FileServices extends UploadServices {
  readonly outputs: OutputFolders;
}

/** `FileService`: what callers without a shared disk send and fetch. */
export function createFileService(services: FileServices): RpcService {
  const { outputs } = services;
  return defineService(FileServiceService, {
    listOutputs: (request, { signal }) => listOutputs(outputs, request, signal),
    downloadOutput: (request) => downloadOutput(outputs, request),
    uploadFile: (requests) => uploadFile(services, requests),
    listUploads: (request) => listUploads(services, request),
    deleteUpload: async ({ path }) => {
      await deleteUpload(services, path);
      return {};
    },
  });
}
