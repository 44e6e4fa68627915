import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { ExportSource } from '../../../core/ports/exporter.js';

/** Why nothing of a source can be written; undefined: nothing stands against it. */
type Refuses = (source: ExportSource) => Promise<string | undefined>;

/**
 * Says what `describe` throws of a source, as EXPORT_UNSUPPORTED or as a file that cannot be read. A source is described
 * once, although it is asked about with all options of an exporter: a large tokenizer.json takes a tenth of a second.
 *
 * @param advice what to do about a file that cannot be read
 */
export function createRefusal(describe: (source: ExportSource) => Promise<unknown>, advice: string): Refuses {
  const known = new WeakMap<ExportSource, ReturnType<Refuses>>();
  const find = async (source: ExportSource): Promise<string | undefined> => {
    try {
      await describe(source);
      return undefined;
    } catch (error) {
      if (!(error instanceof PrunecastError)) throw error;
      if (error.reason === 'EXPORT_UNSUPPORTED') return error.message;
      if (error.reason === 'MODEL_MALFORMED') return `${error.message}; ${advice}`;
      throw error;
    }
  };
  return (source) => {
    const refusal = known.get(source) ?? find(source);
    known.set(source, refusal);
    return refusal;
  };
}
