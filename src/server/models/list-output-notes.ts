import type { Exporter, ExportSource } from '../../core/ports/exporter.js';
import type { OpenModel } from './open-models.js';

/** An exporter with its options, which are complete. */
interface AskedExporter {
  readonly exporter: Exporter;
  readonly options: unknown;
}

/**
 * What outputs of a model lack because the model lacks it, and what loads them does otherwise than the model's own
 * software, one sentence each.
 */
export async function listOutputNotes(
  { tokenizer }: Pick<OpenModel, 'tokenizer'>,
  exporters: readonly AskedExporter[],
  source: ExportSource,
): Promise<string[]> {
  const notes: string[] = [];
  if (tokenizer === undefined)
    notes.push('the model has no tokenizer.json, so its outputs have none: what runs them on text needs one');
  for (const { exporter, options } of exporters)
    if ((await exporter.refuses?.(source, options)) === undefined)
      notes.push(...((await exporter.listNotes?.(source, options)) ?? []));
  return [...new Set(notes)];
}
