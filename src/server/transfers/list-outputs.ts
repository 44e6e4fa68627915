import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { countParameters } from '../../core/model/parameters.js';
import { MANIFEST_FILE, type OutputFolders } from '../../core/ports/outputs.js';
import { surveyCheckpoint } from '../../engine/checkpoint/open-checkpoint.js';
import { type ListOutputsRequest, type ListOutputsResponse, OutputSummary } from '../../gen/prunecast/v1/file.js';
import { toTimestamp } from '../encoding/timestamp.js';
import { COSTS_SCHEMA } from '../pruning/describe-output.js';
import { MANIFEST } from '../requests/manifest-schema.js';
import { readPageSize } from '../requests/fields.js';
import { takeNamedPage } from '../requests/named-pages.js';

/** What is told of a manifest. Versions before the first release had less in it. */
const TOLD = z.object({
  source: MANIFEST.shape.source.pick({ model: true, parameters: true }).extend({ checkpoint_digest: z.string() }),
  architecture: MANIFEST.shape.architecture.optional(),
  recipe: z.object({ digest: z.string() }).nullish(),
  exporter: MANIFEST.shape.exporter,
  measurements: MANIFEST.shape.measurements.optional(),
  costs: COSTS_SCHEMA.default([]),
  job_id: MANIFEST.shape.job_id.default(''),
  recovery: z.unknown().optional(),
  files: MANIFEST.shape.files.default({}),
});

/**
 * A page of the outputs under the output root, in the order of their names.
 *
 * @throws PrunecastError INVALID_REQUEST, OUTPUT_NOT_FOUND and PATH_OUTSIDE_ROOTS for the folder, or the signal's reason
 */
export async function listOutputs(
  outputs: Pick<OutputFolders, 'list' | 'locate' | 'readManifest'>,
  { folder, pageSize, pageToken }: ListOutputsRequest,
  signal: AbortSignal,
): Promise<ListOutputsResponse> {
  const { names, isCut } = await outputs.list(folder, 'folder');
  const { values, nextPageToken } = takeNamedPage(names, (name) => name, {
    pageSize: readPageSize(pageSize),
    pageToken,
  });
  const summaries: OutputSummary[] = [];
  for (const output of values) {
    signal.throwIfAborted();
    summaries.push(await summarise(outputs, output));
  }
  return { outputs: summaries, nextPageToken, truncated: isCut };
}

async function summarise(
  outputs: Pick<OutputFolders, 'locate' | 'readManifest'>,
  output: string,
): Promise<OutputSummary> {
  try {
    const manifest = TOLD.safeParse(await outputs.readManifest(output, 'output'));
    if (!manifest.success) {
      const [issue] = manifest.error.issues;
      return withFault(output, `${MANIFEST_FILE}: ${issue?.path.join('.')}: ${issue?.message}`);
    }
    const directory = await outputs.locate(output, 'output');
    const { mtimeMs, size } = await stat(join(directory, MANIFEST_FILE));
    const { source, architecture, recipe, exporter, measurements, recovery, files, costs } = manifest.data;
    const measured = measurements?.verify ?? measurements?.verify_before_recovery;
    return {
      output,
      model: source.model,
      checkpointDigest: source.checkpoint_digest,
      denseParameters: BigInt(source.parameters),
      architecture: architecture && {
        layers: architecture.map((layer) => ({
          kvHeads: layer.kv_heads,
          queryHeadsPerKv: layer.query_heads_per_kv,
          ffnChannels: layer.ffn_channels,
        })),
      },
      parameters: await countWritten(directory),
      bytes: BigInt(Object.values(files).reduce((sum, bytes) => sum + bytes, size)),
      recipeDigest: recipe?.digest ?? '',
      studyId: measurements?.study_id ?? '',
      exporter: exporter?.id ?? '',
      recovered: recovery !== undefined,
      createTime: toTimestamp(mtimeMs),
      fault: '',
      costs,
      metrics: measured?.metrics ?? {},
      measurementFingerprint: measured?.fingerprint ?? '',
      jobId: manifest.data.job_id,
    };
  } catch (error) {
    if (error instanceof PrunecastError) return withFault(output, error.message);
    throw error;
  }
}

function withFault(output: string, fault: string): OutputSummary {
  return OutputSummary.fromPartial({ output, fault });
}

/** Parameters of an output that is a checkpoint; 0 for another format. */
async function countWritten(directory: string): Promise<bigint> {
  try {
    const { shape } = await surveyCheckpoint(directory, { roots: [directory] });
    return BigInt(countParameters(shape, shape.layers));
  } catch (error) {
    if (error instanceof PrunecastError) return 0n;
    throw error;
  }
}
