import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { LatencyTable } from '../../core/budget/latency-table.js';
import { digestOf } from '../../engine/files/digest.js';
import type { LanguageModel } from '../../engine/language-model.js';
import { createSharedWorks } from '../../core/shared-works.js';

/** How long the shapes of models take on this server: each table is measured once and kept over restarts. */
export interface LatencyTables {
  /** For a token with `length` before it. Takes seconds where nobody asked before, and waits for what the model is at. Throws MEMORY_EXCEEDED, or the signal's reason. */
  find(language: LanguageModel, length: number, signal?: AbortSignal): Promise<LatencyTable>;
}

export interface LatencyTablesOptions {
  /** Made when it is not there. */
  readonly directory: string;
  readonly threads: number;
}

/** A file a table, named by a digest of all that it depends on: the model's shape and sliding windows, the processor, the threads, the length. */
export function createLatencyTables({ directory, threads }: LatencyTablesOptions): LatencyTables {
  const found = createSharedWorks<LatencyTable>();
  return {
    find: (language, length, signal = new AbortController().signal) => {
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
      return found.run(
        key,
        (unwanted) => readOrMeasure(join(directory, `${key}.json`), language, length, unwanted),
        signal,
      );
    },
  };

  async function readOrMeasure(
    path: string,
    language: LanguageModel,
    length: number,
    signal: AbortSignal,
  ): Promise<LatencyTable> {
    const kept = await readTable(path);
    if (kept !== undefined) return kept;
    language.requireMemory({ longest: 1, cached: length });
    const table = await language.timeShapes(length, { signal });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const fresh = `${path}.${randomUUID()}`;
    try {
      await writeFile(fresh, JSON.stringify(table), { flush: true, mode: 0o600 });
      await rename(fresh, path);
    } finally {
      await rm(fresh, { force: true });
    }
    return table;
  }
}

const times = z.array(z.strictObject({ count: z.int().min(1), picoseconds: z.int().min(0) })).min(1);
const schema = z.strictObject({
  context: z.int().min(0),
  step: z.int().min(1),
  fixed: z.int().min(0),
  attention: z.array(z.strictObject({ queryHeadsPerKv: z.int().min(1), times })),
  ffn: z.array(times.element),
});

/** undefined where there is none, or it is damaged: it is then measured again. */
async function readTable(path: string): Promise<LatencyTable | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const parsed = schema.safeParse(parseJson(text));
  return parsed.success ? parsed.data : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
