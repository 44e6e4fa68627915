import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ExportSummary, FileSizes, PrunedModel } from '../../../core/ports/exporter.js';
import { writeFileSynced } from '../../../engine/checkpoint/write-safetensors.js';

/**
 * Writes beside the weights of an export its texts, and the companions of its source that these do not replace; then
 * makes the names of all files durable. Returns all files.
 *
 * @param weights what is written already
 * @param texts contents by the name of their file
 */
export async function completeFolder(
  directory: string,
  model: Pick<PrunedModel, 'listCompanions' | 'readSource'>,
  weights: ExportSummary,
  texts: Readonly<Record<string, string>>,
): Promise<ExportSummary> {
  const files = [...weights.files];
  const digests: Record<string, string> = { ...weights.digests };
  let { bytes } = weights;
  const add = async (file: string, content: Uint8Array): Promise<void> => {
    if (file.includes('/')) await mkdir(dirname(join(directory, file)), { recursive: true });
    const written = await writeFileSynced(join(directory, file), (target) => target.write(content));
    files.push(file);
    digests[file] = written.sha256;
    bytes += written.bytes;
  };
  for (const [file, text] of Object.entries(texts)) await add(file, new TextEncoder().encode(text));
  for (const file of await model.listCompanions()) {
    const content = files.includes(file) ? undefined : await model.readSource(file);
    if (content !== undefined) await add(file, content);
  }
  for (const folder of new Set(files.map((file) => dirname(file)))) await syncDirectory(join(directory, folder));
  return { files, bytes, digests };
}

/** The files of a folder that `completeFolder` completes. */
export async function listFolder(
  model: Pick<PrunedModel, 'listCompanions' | 'readSource'>,
  weights: FileSizes,
  texts: Readonly<Record<string, string>>,
): Promise<FileSizes> {
  const sizes: Record<string, number> = { ...weights };
  for (const [file, text] of Object.entries(texts)) sizes[file] = Buffer.byteLength(text);
  for (const file of await model.listCompanions()) {
    const content = Object.hasOwn(sizes, file) ? undefined : await model.readSource(file);
    if (content !== undefined) sizes[file] = content.length;
  }
  return sizes;
}

/** As JSON for people to read too. */
export function toJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Makes the names of the new files durable. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
