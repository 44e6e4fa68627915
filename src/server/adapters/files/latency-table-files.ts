import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { LatencyTable } from '../../../core/budget/latency-table.js';
import type { LatencyTableStore } from '../../../core/ports/latency-table-store.js';

/** One file per table. @param directory made when it is not there */
export function createLatencyTableFiles(directory: string): LatencyTableStore {
  const pathOf = (key: string): string => join(directory, `${key}.json`);
  return {
    get: (key) => readTable(pathOf(key)),
    put: async (key, table) => {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const fresh = `${pathOf(key)}.${randomUUID()}`;
      try {
        await writeFile(fresh, JSON.stringify(table), { flush: true, mode: 0o600 });
        await rename(fresh, pathOf(key));
      } finally {
        await rm(fresh, { force: true });
      }
    },
  };
}

const times = z.array(z.strictObject({ count: z.int().min(1), picoseconds: z.int().min(0) })).min(1);
const schema = z.strictObject({
  context: z.int().min(0),
  step: z.int().min(1),
  fixed: z.int().min(0),
  attention: z.array(z.strictObject({ queryHeadsPerKv: z.int().min(1), times })),
  ffn: z.array(times.element),
});

/** `undefined` if there is none, or it is damaged: it is then measured again. */
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
