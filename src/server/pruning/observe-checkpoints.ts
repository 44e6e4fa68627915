import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isFullDisk } from '../../core/errors/full-disk.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture } from '../../core/model/shape.js';
import { selectKeptUnits } from '../../core/model/units.js';
import type {
  CheckpointRequest,
  EvaluationSubject,
  Observation,
  WrittenCheckpoint,
} from '../../core/ports/evaluator.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { LanguageModel, RankedRecipe } from '../../engine/language-model.js';
import { pruneModel } from '../../engine/surgery/prune-model.js';
import { findExporter, requireWritable, type Exporters } from './checkpoint-exporter.js';
import { describeCut } from './describe-output.js';
import { exportInThread } from './export-in-thread.js';
import { listCompensatedTensors } from './list-compensated-tensors.js';

/**
 * The same model, whose subjects also write the checkpoints that evaluators ask for: one after the other, each into a
 * folder of its own within the scratch folder, which is gone before the next one is written.
 */
export function withCheckpoints(language: LanguageModel, exporters: Exporters): LanguageModel {
  return { ...language, subject: (recipe) => observeCheckpoints(language, recipe, exporters) };
}

function observeCheckpoints(language: LanguageModel, recipe: RankedRecipe, exporters: Exporters): EvaluationSubject {
  const subject = language.subject(recipe);
  return {
    ...subject,
    async *observe(architectures, { checkpoint, ...request }, work) {
      if (checkpoint === undefined) {
        yield* subject.observe(architectures, request, work);
        return;
      }
      // The model is held until the last of these is there, and writing needs it.
      const observed: Observation[] = [];
      for await (const observation of subject.observe(architectures, request, work)) observed.push(observation);
      for (const observation of observed) {
        const directory = await openFolder(language.scratchDirectory);
        try {
          const architecture = architectures[observation.index] ?? [];
          const place = { directory, exporters };
          yield {
            ...observation,
            checkpoint: await writeCheckpoint(language, { recipe, architecture }, checkpoint, place, work),
          };
        } finally {
          await rm(directory, { recursive: true, force: true });
        }
      }
    },
  };
}

/** @throws PrunecastError EXPORT_UNSUPPORTED, STORAGE_FULL, and as `exportInThread` */
async function writeCheckpoint(
  language: LanguageModel,
  { recipe, architecture }: { readonly recipe: RankedRecipe; readonly architecture: Architecture },
  asked: CheckpointRequest,
  { directory, exporters }: { readonly directory: string; readonly exporters: Exporters },
  work: WorkContext,
): Promise<WrittenCheckpoint> {
  const { checkpoint, shape } = language;
  const { plugin: exporter, moduleUrl } = findExporter(exporters, asked);
  const { options } = asked;
  requireWritable(exporters, asked, { shape, architecture }, recipe.compensation?.plugin.addsBias === true);
  const keptUnits = selectKeptUnits(recipe.ranking, architecture, shape.layers);
  const pruned = pruneModel({
    checkpoint,
    keptUnits,
    replace: listCompensatedTensors(language, recipe, architecture, nameWork(work, 'compensating the weights')),
    manifest: describeCut({ name: checkpoint.directory, shape, checkpointDigest: checkpoint.digest }, keptUnits, {
      exporter,
      options,
    }),
  });
  try {
    const written = await exportInThread(
      { exporter, moduleUrl, options },
      pruned,
      directory,
      nameWork(work, 'writing a checkpoint'),
    );
    return { ...written, directory, sourceDigest: checkpoint.digest };
  } catch (error) {
    throw isFullDisk(error) ? noRoom(error) : error;
  }
}

function nameWork({ signal, report }: WorkContext, activity: string): WorkContext {
  return { signal, ...(report === undefined ? {} : { report: (progress) => report({ activity, ...progress }) }) };
}

const PREFIX = 'checkpoint-';

async function openFolder(scratchDirectory: string): Promise<string> {
  await mkdir(scratchDirectory, { recursive: true, mode: 0o700 });
  return mkdtemp(join(scratchDirectory, PREFIX));
}

/** Removes the checkpoints that a killed server left behind. */
export async function sweepCheckpoints(scratchDirectory: string): Promise<void> {
  for (const name of await readdir(scratchDirectory).catch(() => []))
    if (name.startsWith(PREFIX)) await rm(join(scratchDirectory, name), { recursive: true, force: true });
}

function noRoom(cause: unknown): PrunecastError {
  return new PrunecastError(
    'STORAGE_FULL',
    'the state folder has no room for the checkpoint that an evaluator measures: free some space, or give the server a state folder elsewhere; nothing of it was left behind',
    { metadata: { folder: 'stateDirectory' }, cause },
  );
}
