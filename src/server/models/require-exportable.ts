import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Exporter, ExportSource } from '../../core/ports/exporter.js';
import type { Checkpoint } from '../../engine/checkpoint/checkpoint.js';
import { MAX_COMPANION_BYTES } from '../../engine/checkpoint/list-companions.js';

/** What an exporter may ask of a checkpoint. */
export type ExportedCheckpoint = Pick<Checkpoint, 'shape' | 'rawConfig'> & {
  readonly files: Pick<Checkpoint['files'], 'readBeside'>;
};

/** What exporters are asked about; one of it for all questions spares them reading its files again. */
export function describeSource({ shape, rawConfig, files }: ExportedCheckpoint): ExportSource {
  return { shape, config: rawConfig, readSource: (file) => files.readBeside(file, MAX_COMPANION_BYTES) };
}

/**
 * Refuses the source of which an exporter can write nothing.
 *
 * @param field the exporter's path in the request
 * @throws PrunecastError EXPORT_UNSUPPORTED
 */
export async function requireExportable(
  exporter: Exporter,
  options: unknown,
  source: ExportSource,
  field: string,
): Promise<void> {
  const reason = await exporter.refuses?.(source, options);
  if (reason === undefined) return;
  const description = `the exporter "${exporter.id}" can write nothing of this model: ${reason}`;
  throw new PrunecastError('EXPORT_UNSUPPORTED', `${field}: ${description}`, {
    violations: [{ field, description }],
    metadata: { exporter: exporter.id },
  });
}
