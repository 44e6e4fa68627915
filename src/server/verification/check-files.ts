import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { MANIFEST_FILE } from '../../core/ports/outputs.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { digestOf, hashOpened } from '../../engine/files/digest.js';
import type { OutputCheck } from '../../gen/prunecast/v1/file.js';
import { openFileWithin } from '../config/open-file-within.js';
import { MANIFEST } from '../requests/manifest-schema.js';
import { failed, notChecked, passed } from './checks.js';

/** Whether prunecast.json is as it was written. Its own digest tells: nothing else has one of it. */
export function checkManifest(manifest: Readonly<Record<string, unknown>>): OutputCheck {
  const { manifest_digest: stated, ...rest } = manifest;
  if (stated === undefined)
    return notChecked('manifest', `${MANIFEST_FILE} has no digest of itself: an earlier version wrote it`);
  if (digestOf(rest) !== stated)
    return failed('manifest', `${MANIFEST_FILE} was changed since it was written: its SHA-256 is another`, {
      file: MANIFEST_FILE,
    });
  const issue = MANIFEST.safeParse(manifest).error?.issues[0];
  return issue === undefined
    ? passed('manifest', `${MANIFEST_FILE} is as it was written`)
    : failed('manifest', `${MANIFEST_FILE} lacks what it should have: ${issue.path.join('.')}: ${issue.message}`, {
        file: MANIFEST_FILE,
      });
}

/** What a manifest says of the other files; nothing in those of earlier versions. */
const LISTED = MANIFEST.pick({ files: true, digests: true }).partial();

/**
 * Compares each file with its size and digest in the manifest: one check for each file at fault, or one for all. Every
 * file is read, whatever was known of it: a disk may lose bits without a sign.
 */
export async function checkFiles(
  directory: string,
  manifest: Readonly<Record<string, unknown>>,
  work: WorkContext,
): Promise<OutputCheck[]> {
  const { files, digests } = LISTED.safeParse(manifest).data ?? {};
  if (files === undefined) return [notChecked('files', `${MANIFEST_FILE} does not list them`)];
  const total = Object.values(files).reduce((sum, bytes) => sum + bytes, 0);
  const checks: OutputCheck[] = [];
  let done = 0;
  for (const [file, bytes] of Object.entries(files)) {
    const tell = (read: number): void => work.report?.({ what: 'bytes', done: done + Math.min(read, bytes), total });
    const fault = await findFault({ directory, file }, { bytes, digest: digests?.[file] }, { ...work, tell });
    if (fault !== undefined) checks.push(failed('files', `${file} ${fault}`, { file }));
    tell(bytes);
    done += bytes;
  }
  if (checks.length === 0)
    checks.push(
      digests === undefined
        ? notChecked('files', `${count(files)} have the bytes that were written; an earlier version kept no SHA-256`)
        : passed(
            'files',
            `${count(files)}, ${total.toLocaleString('en-US')} bytes: size and SHA-256 of each as written`,
          ),
    );
  for (const file of await listOthers(directory, files))
    checks.push(notChecked('files', `${file} is none of the files that were written`, { file }));
  return checks;
}

async function findFault(
  { directory, file }: { readonly directory: string; readonly file: string },
  written: { readonly bytes: number; readonly digest: string | undefined },
  { signal, tell }: WorkContext & { readonly tell: (bytes: number) => void },
): Promise<string | undefined> {
  const opened = await openFileWithin([directory], file, {
    field: 'output',
    missing: 'OUTPUT_NOT_FOUND',
    maxBytes: Number.MAX_SAFE_INTEGER,
  }).catch(() => undefined);
  if (opened === undefined) return 'is not there, or is no plain file that may be read';
  try {
    const { size } = opened.stats;
    if (size !== written.bytes)
      return `has ${size} bytes, and ${written.bytes} were written: it ${size < written.bytes ? 'is cut short' : 'has grown'}`;
    const digest = await hashOpened(opened.handle, { signal, tell });
    return written.digest === undefined || digest === written.digest
      ? undefined
      : `has other contents than were written: its SHA-256 is ${digest}, not ${written.digest}`;
  } finally {
    await opened.handle.close();
  }
}

async function listOthers(directory: string, files: Readonly<Record<string, number>>): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => file !== MANIFEST_FILE && !Object.hasOwn(files, file))
    .toSorted();
}

function count(files: Readonly<Record<string, number>>): string {
  const { length } = Object.keys(files);
  return length === 1 ? '1 file' : `${length} files`;
}
