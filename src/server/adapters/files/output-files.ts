import { constants } from 'node:fs';
import { open, readdir, stat, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { ExportSummary } from '../../../core/ports/exporter.js';
import { MANIFEST_FILE } from '../../../core/ports/outputs.js';
import { digestBytes, digestOf, hashFile } from '../../../engine/files/digest.js';
import { createCheckpointFiles } from '../../../engine/files/checkpoint-files.js';
import { isRecord } from '../../../engine/files/read-json.js';

/** Earlier versions listed each kept unit on a line of its own: about 45 MB for Llama 3.1 70B. */
const MOST_MANIFEST_BYTES = 2 ** 26;

/**
 * Compares what an exporter wrote with what it says it wrote, and adds the list of all files with their sizes and digests
 * to the manifest, so that files that are added or changed later can be told. Returns the summary including the final
 * manifest, or what is wrong with the output.
 */
export async function sealOutput(
  directory: string,
  summary: ExportSummary,
): Promise<{ readonly summary: ExportSummary } | { readonly problem: string }> {
  const sizes = await listFiles(directory);
  const missing = summary.files.filter((file) => !sizes.has(file));
  if (missing.length > 0)
    return { problem: `${missing.length} of ${summary.files.length} files are missing, ${missing[0]} among them` };
  const bytes = summary.files.reduce((sum, file) => sum + (sizes.get(file) ?? 0), 0);
  if (bytes !== summary.bytes) return { problem: `its files have ${bytes} bytes, the exporter wrote ${summary.bytes}` };
  const others = [...sizes].filter(([file]) => file !== MANIFEST_FILE).sort(([a], [b]) => (a < b ? -1 : 1));
  const digests: Record<string, string> = {};
  for (const [file] of others) digests[file] = summary.digests?.[file] ?? (await hashFile(join(directory, file)));
  const sealed = { ...(await readManifest(directory)), files: Object.fromEntries(others), digests };
  const manifest = Buffer.from(`${JSON.stringify({ ...sealed, manifest_digest: digestOf(sealed) }, undefined, 2)}\n`);
  await writeFile(join(directory, MANIFEST_FILE), manifest);
  const known = summary.files.includes(MANIFEST_FILE);
  return {
    summary: {
      files: known ? summary.files : [...summary.files, MANIFEST_FILE],
      bytes: bytes - (known ? (sizes.get(MANIFEST_FILE) ?? 0) : 0) + manifest.length,
      digests: { ...digests, [MANIFEST_FILE]: digestBytes(manifest) },
    },
  };
}

/** Why a folder is not an earlier output that may be replaced; `undefined` if it is one, or is empty. */
export async function findForeign(directory: string): Promise<string | undefined> {
  const files = await listFiles(directory);
  if (files.size === 0) return undefined;
  const manifest = await readManifest(directory);
  if (manifest === undefined) return `has no ${MANIFEST_FILE} of an earlier output`;
  const own = manifest['files'];
  if (!isRecord(own)) return undefined; // an earlier version did not list them
  const foreign = [...files.keys()].filter((file) => file !== MANIFEST_FILE && !Object.hasOwn(own, file));
  return foreign.length === 0
    ? undefined
    : `holds ${foreign.slice(0, 3).join(', ')}${foreign.length > 3 ? ` and ${foreign.length - 3} more` : ''}, which the earlier output did not write`;
}

/** Syncs every file and folder under a folder, and itself: after this a crash of the machine cannot empty them. */
export async function syncAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncAll(path);
    else if (entry.isFile()) await syncPath(path);
  }
  await syncPath(folder);
}

/** Syncs one file, or the names in one folder. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * The size of everything that is not a folder, by its path within the folder. A link has the size of its target, or 0.
 */
async function listFiles(directory: string): Promise<Map<string, number>> {
  const files = new Map<string, number>();
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(
      relative(directory, path).split(sep).join('/'),
      await stat(path).then(
        ({ size }) => size,
        () => 0,
      ),
    );
  }
  return files;
}

/**
 * The manifest of an output; `undefined` if there is none in its folder, it is no plain file, it is not a JSON object,
 * or it is larger than any that was written.
 */
export async function readManifest(directory: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = await createCheckpointFiles({ directory, roots: [directory] })
    .readBeside(MANIFEST_FILE, MOST_MANIFEST_BYTES)
    .catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const manifest: unknown = JSON.parse(new TextDecoder().decode(text));
    return isRecord(manifest) ? manifest : undefined;
  } catch {
    return undefined;
  }
}
