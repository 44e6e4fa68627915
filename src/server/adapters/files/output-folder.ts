import { mkdir, readdir, realpath, rename } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { ExportSummary } from '../../../core/ports/exporter.js';
import {
  MANIFEST_FILE,
  type KeptPath,
  type OutputFolders,
  type OutputPolicy,
  type OutputTarget,
  type SealFolder,
} from '../../../core/ports/outputs.js';
import { findFolders } from '../../../engine/files/find-folders.js';
import { exists, isCode, notWritten, toOutputError } from './file-errors.js';
import { isEverything } from '../../../engine/files/is-everything.js';
import { readManifest, sealOutput, syncAll, syncPath } from './output-files.js';
import {
  findEarlier,
  findPlace,
  isWithin,
  MOST_DEPTH,
  requireInside,
  requireReplaceable,
  type OutputPlace,
} from './output-place.js';
import {
  isWritingName,
  openWritingFolder,
  sweepWritingFolders,
  type WritingFolder,
  type WritingLease,
} from './writing-folder.js';

export interface OutputSettings extends WritingLease {
  /** The output root; created if it does not exist. */
  readonly root: string;
  /** What no output may be, contain or lie in. The paths may be links, and need not exist yet. */
  readonly kept: readonly KeptPath[];
}

export function createOutputFolders({ root, kept, ...lease }: OutputSettings): OutputFolders {
  const place = async (target: OutputTarget, policy: OutputPolicy): Promise<OutputPlace> => {
    try {
      const found = await findPlace(
        root,
        target,
        await Promise.all(kept.map(async ({ path, name }) => ({ path: await realpath(path).catch(() => path), name }))),
      );
      if (found.isThere) await requireReplaced(found.target, target.output, policy);
      return found;
    } catch (error) {
      throw toOutputError(error, target, root);
    }
  };
  return {
    check: async (target, policy) => void (await place(target, policy)),
    write: async (target, policy, write) => {
      const { target: path, parent } = await place(target, policy);
      try {
        if (isEverything(root)) await sweepFolder(parent, 1, lease);
        const folder = await openWritingFolder(parent, relative(parent, path), lease);
        try {
          const seal = async (directory: string, written: ExportSummary): Promise<ExportSummary> => {
            const sealed = await sealOutput(directory, written);
            if ('problem' in sealed) throw notWritten(target.output, `${sealed.problem}: try again`);
            return sealed.summary;
          };
          const within: SealFolder = (name, written) => seal(join(folder.fresh, name), written);
          const summary = await seal(folder.fresh, await write(folder.fresh, within));
          await syncAll(folder.fresh);
          if (!(await folder.isOwned()))
            throw notWritten(target.output, 'another server took its unfinished folder for a leftover: try again');
          await moveIntoPlace(folder, { root, target: path, policy, output: target.output });
          return summary;
        } finally {
          await folder.close();
        }
      } catch (error) {
        throw toOutputError(error, target, root);
      }
    },
    readManifest: async (output, field) => {
      const directory = await findEarlier(root, output, field);
      const manifest = directory === undefined ? undefined : await readManifest(directory);
      if (manifest === undefined) throw describeUnknown(output, field);
      return manifest;
    },
    locate: async (output, field) => {
      const directory = await findEarlier(root, output, field);
      if (directory === undefined || !(await exists(join(directory, MANIFEST_FILE))))
        throw describeUnknown(output, field);
      return directory;
    },
    list: async (folder, field) => {
      if (folder === '' && isEverything(root)) return { names: [], isCut: false };
      if (folder !== '' && (await findEarlier(root, folder, field)) === undefined)
        throw PrunecastError.ofField(field, `no folder "${folder}" lies under the output root`, 'OUTPUT_NOT_FOUND');
      const realRoot = await realpath(root).catch(() => root);
      const { names, isCut } = await findFolders(root, {
        marker: MANIFEST_FILE,
        looksInside: true,
        within: folder === '' ? '' : relative(root, resolve(root, folder)),
        mostDepth: MOST_DEPTH,
        mostEntries: MOST_ENTRIES,
        mayFollow: async (real) => isWithin(realRoot, real),
      });
      const outputs = names.filter((name) => name !== '.');
      return { names: isEverything(root) ? outputs.map((name) => join(root, name)) : outputs, isCut };
    },
    sweep: async () => {
      if (isEverything(root)) return;
      await mkdir(root, { recursive: true });
      await sweepFolder(root, MOST_DEPTH, lease);
    },
  };
}

async function requireReplaced(path: string, output: string, policy: OutputPolicy): Promise<void> {
  await requireReplaceable(path, output); // first, so that no one is told to overwrite what is never replaced
  if (policy === 'refuse' || (policy !== 'replace' && !(await policy.mayReplace(path)))) throw outputExists(output);
}

async function moveIntoPlace(
  { fresh, old }: WritingFolder,
  {
    root,
    target,
    policy,
    output,
  }: { readonly root: string; readonly target: string; readonly policy: OutputPolicy; readonly output: string },
): Promise<void> {
  await requireInside(root, dirname(target), output);
  await mkdir(dirname(target), { recursive: true });
  await requireInside(root, dirname(target), output);
  const isReplacing = await exists(target);
  if (isReplacing) {
    await requireReplaced(target, output, policy);
    await rename(target, old);
  }
  try {
    await rename(fresh, target);
  } catch (error) {
    const isTaken = isCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR');
    if (isReplacing && !isTaken) await rename(old, target);
    throw isTaken ? outputExists(output) : error;
  }
  await syncPath(dirname(target));
}

async function sweepFolder(folder: string, depth: number, lease: WritingLease): Promise<void> {
  try {
    await sweepWritingFolders(folder, lease);
    if (depth === 1) return;
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isDirectory() && !isWritingName(entry.name))
        await sweepFolder(join(folder, entry.name), depth - 1, lease);
    }
  } catch (error) {
    // Other processes create and remove folders meanwhile, and the server may not be allowed to read all of an output
    // root.
    if (!isCode(error, 'ENOENT', 'EACCES', 'EPERM', 'ENOTDIR')) throw error;
  }
}

/** The most entries of folders that are looked at for a list. */
const MOST_ENTRIES = 20_000;

function describeUnknown(output: string, field: string): PrunecastError {
  return PrunecastError.ofField(
    field,
    `"${output}" is not an output of this server: no folder of this name under the output root has a ${MANIFEST_FILE}`,
    'OUTPUT_NOT_FOUND',
  );
}

function outputExists(output: string): PrunecastError {
  const description = `"${output}" exists: set \`overwrite\` to replace it, or name another folder`;
  return new PrunecastError('OUTPUT_EXISTS', `output: ${description}`, {
    metadata: { output },
    violations: [{ field: 'output', description }],
  });
}
