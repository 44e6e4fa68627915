import { copyFile, link, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { isRecord } from '../../engine/files/read-json.js';
import type { ExportSummary } from '../../core/ports/exporter.js';
import { MANIFEST_FILE, type OutputFolders, type OutputTarget } from '../../core/ports/outputs.js';
import type { OutputReport } from '../requests/manifest-schema.js';
import { addToCard, CARD_FILE } from './write-card-report.js';

/**
 * Adds a report to the manifests of an output of this job, and to its model cards, in one step: a new folder with the
 * same weights takes the place of the old one. Leaves an output alone that the job has not written, or no longer.
 * Returns the new size of each form that has a folder of its own, by its name.
 */
export async function completeOutput(
  outputs: OutputFolders,
  target: OutputTarget,
  report: OutputReport,
  jobId: string,
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  const directory = await outputs.locate(target.output, 'output').catch(() => undefined);
  if (directory === undefined || !(await isOf(jobId, directory))) return sizes;
  await outputs.write(target, { mayReplace: (found) => isOf(jobId, found) }, async (fresh, seal) => {
    const { exports } = await readManifest(directory);
    const folders = Array.isArray(exports) ? exports.map(({ folder }) => String(folder)) : [];
    for (const folder of folders.filter(liesWithin)) {
      const { bytes } = await seal(folder, await copyWithReport(join(directory, folder), join(fresh, folder), report));
      sizes.set(`${target.output}/${folder}`, bytes);
    }
    return copyWithReport(directory, fresh, report);
  });
  return sizes;
}

async function isOf(jobId: string, directory: string): Promise<boolean> {
  const manifest = await readManifest(directory).catch(() => undefined);
  return manifest?.['job_id'] === jobId;
}

const CHANGED = new Set([CARD_FILE, MANIFEST_FILE]);

/** The folder of an output with a report; files of it that are there already are left. */
async function copyWithReport(from: string, to: string, report: OutputReport): Promise<ExportSummary> {
  const { manifest_digest: _, files, digests, ...manifest } = await readManifest(from);
  const known = isRecord(digests) ? { ...digests } : {};
  const names = isRecord(files) ? Object.keys(files).filter(liesWithin) : [];
  for (const name of names) {
    const [source, target] = [join(from, name), join(to, name)];
    if (CHANGED.has(basename(name))) delete known[name];
    if (await exists(target)) continue;
    await mkdir(dirname(target), { recursive: true });
    if (name === CARD_FILE) await writeFile(target, addToCard(await readFile(source, 'utf8'), report));
    else await link(source, target).catch(() => copyFile(source, target)); // not all file systems have links
  }
  await writeFile(join(to, MANIFEST_FILE), JSON.stringify({ ...manifest, report }, undefined, 2));
  const all = [...names, MANIFEST_FILE];
  const sizes = await Promise.all(all.map(async (name) => (await stat(join(to, name))).size));
  return {
    files: all,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    digests: known as Record<string, string>, // as a manifest has them
  };
}

/** Whether a path that a manifest names stays in its folder. */
function liesWithin(path: string): boolean {
  return !isAbsolute(path) && !path.split('/').includes('..');
}

async function readManifest(directory: string): Promise<Record<string, unknown>> {
  const manifest: unknown = JSON.parse(await readFile(join(directory, MANIFEST_FILE), 'utf8'));
  return isRecord(manifest) ? { ...manifest } : {};
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
