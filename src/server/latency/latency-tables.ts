import { cpus } from 'node:os';
import type { LatencyTable } from '../../core/budget/latency-table.js';
import type { LatencyTableStore } from '../../core/ports/latency-table-store.js';
import type { WorkContext, WorkProgress } from '../../core/ports/work-context.js';
import { createSharedWorks } from '../../core/shared-works.js';
import { digestOf } from '../../engine/files/digest.js';
import type { LanguageModel } from '../../engine/language-model.js';

/** How long the shapes of models take on this server: each table is measured once and kept over restarts. */
export interface LatencyTables {
  /**
   * For a token with `length` before it. The first call per model and length takes seconds; it waits until the model's
   * thread is free. Throws MEMORY_EXCEEDED, or the signal's reason.
   */
  find(language: LanguageModel, length: number, work?: WorkContext): Promise<LatencyTable>;
}

/**
 * Tables are stored under a digest of all that they depend on: the model's shape and sliding windows, the processor,
 * the threads, the length.
 */
export function createLatencyTables(store: LatencyTableStore, threads: number): LatencyTables {
  const found = createSharedWorks<LatencyTable, WorkProgress>();
  return {
    find: (language, length, caller = { signal: new AbortController().signal }) => {
      const { slidingWindows } = language.checkpoint.config;
      const windows = slidingWindows.some((window) => window !== undefined && window <= length)
        ? { slidingWindows: slidingWindows.map((window) => window ?? null) }
        : {};
      const key = digestOf({
        form: 2,
        shape: { ...language.shape, numberBytes: undefined },
        ...windows,
        processor: cpus()[0]?.model ?? '',
        threads,
        length,
      });
      const readOrMeasure = async (work: WorkContext): Promise<LatencyTable> => {
        const kept = await store.get(key);
        if (kept !== undefined) return kept;
        language.requireMemory({ longest: 1, cached: length });
        const table = await language.timeShapes(length, work);
        await store.put(key, table);
        return table;
      };
      return found.run(key, readOrMeasure, caller);
    },
  };
}
