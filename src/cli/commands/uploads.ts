import { InvalidArgumentError, type Command } from 'commander';
import { CallError, listUpload, type Upload } from '../../client/index.js';
import { DeleteUploadRequest, ListUploadsRequest, Upload as UploadMessage } from '../../gen/prunecast/v1/file.js';
import { PathArgument } from '../options/flag-option.js';
import { RequestArgument, type RequestType } from '../options/request-option.js';
import { addServerFlags, type ServerFlags } from '../options/server.js';
import { formatTime } from '../output/format-time.js';
import { createPrinter } from '../output/printer.js';
import { formatBytes } from '../../words/format.js';
import { callServer } from '../session/call-server.js';
import { useServer } from '../session/use-server.js';

const LIST: RequestType<ListUploadsRequest> = {
  typeName: 'prunecast.v1.ListUploadsRequest',
  codec: ListUploadsRequest,
};
const DELETE: RequestType<DeleteUploadRequest> = {
  typeName: 'prunecast.v1.DeleteUploadRequest',
  codec: DeleteUploadRequest,
};

/** `prunecast uploads`: files for a server that shares no disk with the caller. */
export function addUploadsCommand(program: Command): void {
  const uploads = program.command('uploads').description('send texts, data sets and regressors to a server elsewhere');
  addAdd(uploads);
  addList(uploads);
  addDelete(uploads);
}

function addAdd(uploads: Command): void {
  const command = uploads
    .command('add')
    .addArgument(new PathArgument('<PATH>', { from: 'files' }))
    .description('send a file, or a folder without what is hidden in it, and print the path that requests name it by');
  addServerFlags(command).action(async (path: string, flags: ServerFlags) => {
    const printer = createPrinter(flags);
    const source = await listUpload(path).catch((error: unknown) => {
      throw error instanceof CallError ? new InvalidArgumentError(`${error.message}.`) : error;
    });
    await useServer(flags, async ({ client, serverEnded }) => {
      const message = await client
        .upload(source, { onProgress: printer.transfer('uploading'), ...(serverEnded && { signal: serverEnded }) })
        .finally(printer.endProgress);
      if (printer.format === 'json')
        printer.message({ typeName: 'prunecast.v1.Upload', codec: UploadMessage, message });
      printer.lines({ verbatim: message.path });
    });
  });
}

function addList(uploads: Command): void {
  const command = uploads.command('list').description('list uploaded files and folders');
  addServerFlags(command).action(() =>
    callServer(command, LIST, async ({ client, request, printer }) => {
      const listed: Upload[] = [];
      let pageToken = '';
      do {
        const page = await client.services.files.listUploads({ ...request, pageToken });
        listed.push(...page.uploads);
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      if (printer.format === 'json')
        for (const message of listed)
          printer.message({ typeName: 'prunecast.v1.Upload', codec: UploadMessage, message });
      printer.table(
        [
          'path',
          'files',
          'bytes',
          'in use',
          { title: 'uploaded', optional: true },
          { title: 'kept until', optional: true },
        ],
        listed.map(({ path, files, bytes, inUse, createTime, expireTime }) => [
          path,
          String(files),
          formatBytes(bytes),
          inUse ? 'yes' : 'no',
          formatTime(createTime),
          formatTime(expireTime),
        ]),
      );
    }),
  );
}

function addDelete(uploads: Command): void {
  const command = uploads
    .command('delete')
    .addArgument(new RequestArgument('<PATH>', 'path'))
    .description('delete an uploaded file or folder that no unfinished job names');
  addServerFlags(command).action(() =>
    callServer(command, DELETE, async ({ client, request, printer }) => {
      await client.services.files.deleteUpload(request);
      printer.lines(`deleted ${request.path}`);
    }),
  );
}
