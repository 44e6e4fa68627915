import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import type { DeepPartial, Upload, UploadFileRequest } from '../../client/index.js';
import { DeleteUploadRequest, ListUploadsRequest, Upload as UploadMessage } from '../../gen/prunecast/v1/file.js';
import { PathArgument } from '../options/flag-option.js';
import { RequestArgument, type RequestType } from '../options/request-option.js';
import { addServerFlags, type ServerFlags } from '../options/server.js';
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
  const uploads = program.command('uploads').description('send texts and regressors to a server elsewhere');
  addAdd(uploads);
  addList(uploads);
  addDelete(uploads);
}

function addAdd(uploads: Command): void {
  const command = uploads
    .command('add')
    .addArgument(new PathArgument('<FILE>', { from: 'files' }))
    .description('send a file, and print the path that requests name it by');
  addServerFlags(command).action(async (file: string, flags: ServerFlags) => {
    const printer = createPrinter(flags);
    const size = await stat(file).catch(() => undefined);
    if (size?.isFile() !== true) throw new InvalidArgumentError(`${file} is no file.`);
    const digest = await digestFile(file);
    await useServer(flags, async ({ client }) => {
      const start = { name: basename(file), digest, bytes: BigInt(size.size) };
      const { upload: message } = await client.services.files.uploadFile(readParts(file, start));
      if (message === undefined) return;
      if (printer.format === 'json')
        printer.message({ typeName: 'prunecast.v1.Upload', codec: UploadMessage, message });
      printer.lines({ verbatim: message.path });
    });
  });
}

function addList(uploads: Command): void {
  const command = uploads.command('list').description('list uploaded files');
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
        ['path', 'bytes', 'in use', { title: 'uploaded', optional: true }],
        listed.map(({ path, bytes, inUse, createTime }) => [
          path,
          formatBytes(bytes),
          inUse ? 'yes' : 'no',
          new Date(Number(createTime?.seconds ?? 0n) * 1000).toISOString().replace('.000', ''),
        ]),
      );
    }),
  );
}

function addDelete(uploads: Command): void {
  const command = uploads
    .command('delete')
    .addArgument(new RequestArgument('<PATH>', 'path'))
    .description('delete an uploaded file that no unfinished job names');
  addServerFlags(command).action(() =>
    callServer(command, DELETE, async ({ client, request, printer }) => {
      await client.services.files.deleteUpload(request);
      printer.lines(`deleted ${request.path}`);
    }),
  );
}

const CHUNK_BYTES = 2 ** 20;

async function* readParts(
  file: string,
  start: { readonly name: string; readonly digest: string; readonly bytes: bigint },
): AsyncGenerator<DeepPartial<UploadFileRequest>, void, undefined> {
  yield { part: { $case: 'start', value: start } };
  for await (const value of createReadStream(file, { highWaterMark: CHUNK_BYTES }))
    yield { part: { $case: 'chunk', value: value as Buffer } };
}

async function digestFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
