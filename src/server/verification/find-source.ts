import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Text } from '../../gen/prunecast/v1/common.js';
import { JobKind } from '../../gen/prunecast/v1/job.js';
import { PruneRequest, SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import type { Jobs } from '../jobs/jobs.js';
import type { OpenModel, OpenModels } from '../models/open-models.js';

export interface SourceServices {
  readonly models: OpenModels;
  readonly jobs: Pick<Jobs, 'get' | 'request'>;
}

/** What an output was cut from. */
export interface Source {
  readonly model: OpenModel;
  /** The calibration text of the job that wrote it; undefined if it is unknown. */
  readonly text: Text | undefined;
}

/** What a manifest says of the checkpoint that an output was cut from. */
export interface StatedSource {
  readonly model: string;
  readonly checkpointDigest: string;
  /** Empty if it is unknown. */
  readonly jobId: string;
}

/**
 * The checkpoint that an output was cut from: the one that the caller names, that of the job which wrote it, or the one
 * that its manifest names. A text says why there is none.
 *
 * @param named empty for none
 * @throws PrunecastError those of a model that the caller names; INVALID_REQUEST if it is another checkpoint
 */
export async function findSource(
  { models, jobs }: SourceServices,
  { model, checkpointDigest, jobId }: StatedSource,
  named: string,
): Promise<Source | string> {
  const asked = await findAsked(jobs, jobId);
  if (named !== '') {
    const found = await models.open(named);
    if (digestIn(found) === checkpointDigest) return { model: found, text: asked?.text };
    throw PrunecastError.ofField(
      'model',
      `has the digest ${digestIn(found)}, but the output was cut from ${model}, whose digest is ${checkpointDigest}: name that checkpoint`,
    );
  }
  for (const name of new Set([asked?.model ?? model, model])) {
    const found = await models.open(name).catch(skip);
    if (found !== undefined && digestIn(found) === checkpointDigest) return { model: found, text: asked?.text };
  }
  return `the checkpoint that it was cut from, ${model}, is not at hand as it was: name it in \`model\``;
}

function digestIn({ language }: OpenModel): string {
  return language.checkpoint.digest;
}

/** What the job that wrote an output was asked for, if this server knows the job. */
async function findAsked(
  jobs: SourceServices['jobs'],
  jobId: string,
): Promise<{ readonly model: string; readonly text: Text | undefined } | undefined> {
  if (jobId === '') return undefined;
  const job = await jobs.get(jobId).catch(skip);
  const request = job && (await jobs.request(jobId).catch(skip));
  if (request === undefined) return undefined;
  if (job?.kind === JobKind.PRUNE) {
    const { model, recipe } = PruneRequest.decode(request);
    return { model, text: recipe?.calibration?.text };
  }
  const { model, texts } = SearchRequest.decode(request);
  return { model, text: texts?.calibration ?? texts?.text };
}

function skip(error: unknown): undefined {
  if (error instanceof PrunecastError) return undefined;
  throw error;
}
