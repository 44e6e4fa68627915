import { isAbsolute, normalize, relative, sep } from 'node:path';

/** The most files of an uploaded folder: as many as the server reads of a data set. */
export const MAX_FOLDER_FILES = 4096;

/** The most names of a path in an uploaded folder. */
export const MAX_DEPTH = 16;

/** The longest name that Linux and macOS take. */
const MAX_NAME_BYTES = 255;

/** An upload is one file, or a folder of files. */
export type UploadKind = 'file' | 'folder';

/** Where an upload lies. */
export interface UploadPlace {
  readonly kind: UploadKind;
  /** SHA-256 (hex): of a file's contents, of a folder's list (`digestFolder`). */
  readonly digest: string;
  readonly name: string;
}

/** Holds the digests. It is part of every path, so that no name under a data root is taken for one. */
export const UPLOADS_FOLDER = 'uploads';

/** A file may have the contents of a folder's list, and so its digest: their folders differ. */
const PREFIXES = { file: '', folder: 'folder-' } as const satisfies Record<UploadKind, string>;
const DIGEST = /^[0-9a-f]{64}$/;
const DIGEST_FOLDER = /^(folder-)?([0-9a-f]{64})$/;

/** The path by which requests name an upload: `uploads/<digest>/stories.jsonl`, `uploads/folder-<digest>/mmlu`. */
export function pathOfUpload({ kind, digest, name }: UploadPlace): string {
  return `${UPLOADS_FOLDER}/${PREFIXES[kind]}${digest}/${name}`;
}

/** What the folder of one digest holds; `undefined` for a folder that is none. */
export function readDigestFolder(folder: string): Omit<UploadPlace, 'name'> | undefined {
  const [, prefix, digest] = DIGEST_FOLDER.exec(folder) ?? [];
  return digest === undefined ? undefined : { kind: prefix === undefined ? 'file' : 'folder', digest };
}

/** The upload of this very path; `undefined` if it cannot be that of one. */
export function placeOfUpload(path: string): UploadPlace | undefined {
  const [top, folder = '', name = '', ...rest] = path.split('/');
  const place = top === UPLOADS_FOLDER && rest.length === 0 ? readDigestFolder(folder) : undefined;
  return place === undefined || faultOfName(name) !== undefined ? undefined : { ...place, name };
}

/**
 * The upload that a request's path leads to, or that it leads into.
 *
 * @param root the folder of all uploads, which an absolute path may lie under
 */
export function findUploadOf(root: string, path: string): UploadPlace | undefined {
  const inside = normalize(isAbsolute(path) ? relative(root, path) : path);
  return placeOfUpload(inside.split(sep).slice(0, 3).join('/'));
}

export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** Why a name is none that every file system takes as it is; `undefined` if it is one. */
export function faultOfName(name: string): string | undefined {
  if (name === '') return 'is empty: it is required';
  if (name.startsWith('.')) return 'begins with a dot: name a file that is not hidden';
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[/\\\u0000-\u001f]/.test(name)) return 'has a slash or a control character: give the name without folders';
  const bytes = Buffer.byteLength(name);
  return bytes > MAX_NAME_BYTES
    ? `has ${bytes} bytes in UTF-8; a name has at most ${MAX_NAME_BYTES}: shorten it`
    : undefined;
}

/** Why a path cannot be that of a file in an uploaded folder; `undefined` if it can. */
export function faultOfPath(path: string): string | undefined {
  if (path === '') return 'is empty: it is required';
  const names = path.split('/');
  if (names.length > MAX_DEPTH) return `has ${names.length} names; a path in a folder has at most ${MAX_DEPTH}`;
  for (const name of names) {
    if (name === '') return 'begins or ends with a slash, or has two in a row: give it relative to the folder';
    if (name.startsWith('.'))
      return 'has a name that begins with a dot: only files inside of the folder that are not hidden are taken';
    const fault = faultOfName(name);
    if (fault !== undefined) return `has the name ${JSON.stringify(name.slice(0, 64))}, which ${fault}`;
  }
  return undefined;
}
