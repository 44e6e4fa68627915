import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Exporter } from '../../core/ports/exporter.js';
import type { Checkpoint } from '../../engine/checkpoint/checkpoint.js';
import { MAX_COMPANION_BYTES } from '../../engine/checkpoint/list-companions.js';

/** What an exporter may ask of a checkpoint. */
export type ExportedCheckpoint = Pick<Checkpoint, 'shape' | 'rawConfig'> & {
  readonly files: Pick<Checkpoint['files'], 'readBeside'>;
};

/** Why an exporter can write nothing of a checkpoint, whatever its architecture; undefined if it says nothing. */
export async function findRefusal(
  exporter: Exporter,
  options: unknown,
  { shape, rawConfig, files }: ExportedCheckpoint,
): Promise<string | undefined> {
  const readSource = (file: string): Promise<Uint8Array | undefined> => files.readBeside(file, MAX_COMPANION_BYTES);
  return exporter.refuses?.({ shape, config: rawConfig, readSource }, options);
}

/**
 * Refuses a checkpoint of which an exporter can write nothing.
 *
 * @param field the exporter's path in the request
 * @throws PrunecastError EXPORT_UNSUPPORTED
 */
export async function requireExportable(
  exporter: Exporter,
  options: unknown,
  checkpoint: ExportedCheckpoint,
  field: string,
): Promise<void> {
  const reason = await findRefusal(exporter, options, checkpoint);
  if (reason === undefined) return;
  const description = `the exporter "${exporter.id}" can write nothing of this model: ${reason}`;
  throw new PrunecastError('EXPORT_UNSUPPORTED', `${field}: ${description}`, {
    violations: [{ field, description }],
    metadata: { exporter: exporter.id },
  });
}
