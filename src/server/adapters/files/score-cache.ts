import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { UnitScores } from '../../../core/model/unit-scores.js';
import type { ScoreCache } from '../../../core/ports/score-cache.js';

export interface ScoreCacheOptions {
  /** Created if it does not exist; holds nothing else. */
  readonly directory: string;
  /** The most bytes of all entries together; 0 keeps none. */
  readonly limitBytes: number;
  /** Called with the error when the folder cannot be read or written: that costs a pass, not the job. */
  readonly failed: (error: unknown) => void;
}

/**
 * One file per entry, named by its key, which is a digest of all that the scores depend on (64 hex digits). It holds
 * the number of layers, for each layer the counts of its three kinds of scores, then the scores, little-endian, and at
 * the end a SHA-256 of all that. It is written beside its place and renamed into it, so that an entry is there whole or
 * not at all.
 */
export function createScoreCache({ directory, limitBytes, failed }: ScoreCacheOptions): ScoreCache {
  return {
    get: (key) => readEntry(join(directory, `${key}${SUFFIX}`)).catch((error: unknown) => void failed(error)),
    put: async (key, scores) => {
      const bytes = encodeScores(scores);
      if (bytes.length > limitBytes) return;
      await writeEntry(directory, key, bytes)
        .then(() => removeOldest(directory, limitBytes))
        .catch(failed);
    },
  };
}

async function readEntry(path: string): Promise<UnitScores[] | undefined> {
  const bytes = await readFile(path).catch(absentAsUndefined);
  if (bytes === undefined) return undefined;
  const scores = decodeScores(bytes);
  if (scores === undefined) await rm(path, { force: true });
  else await utimes(path, new Date(), new Date()).catch(absentAsUndefined);
  return scores;
}

async function writeEntry(directory: string, key: string, bytes: Buffer): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const fresh = join(directory, `${key}.${randomUUID()}${UNFINISHED}`);
  try {
    await writeFile(fresh, bytes, { flush: true, mode: 0o600 });
    await rename(fresh, join(directory, `${key}${SUFFIX}`));
  } finally {
    await rm(fresh, { force: true });
  }
}

const SUFFIX = '.scores';
const UNFINISHED = '.unfinished';
const KINDS = ['ffnChannels', 'queryHeads', 'kvGroups'] as const satisfies readonly (keyof UnitScores)[];
const DIGEST_BYTES = 32;

function encodeScores(scores: readonly UnitScores[]): Buffer {
  const arrays = scores.flatMap((layer) => KINDS.map((kind) => layer[kind]));
  const sizes = Uint32Array.of(scores.length, ...arrays.map(({ length }) => length));
  const body = Buffer.concat(
    [sizes, ...arrays].map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
  );
  return Buffer.concat([body, digest(body)]);
}

/** `undefined` for bytes that `encodeScores` did not write. */
function decodeScores(bytes: Buffer): UnitScores[] | undefined {
  const body = bytes.subarray(0, Math.max(0, bytes.length - DIGEST_BYTES));
  if (body.length < 4 || !digest(body).equals(bytes.subarray(body.length))) return undefined;
  const words = body.buffer.slice(body.byteOffset, body.byteOffset + body.length);
  const [layers = 0] = new Uint32Array(words, 0, 1);
  const sizes = new Uint32Array(words, 4, KINDS.length * layers);
  let at = 4 + sizes.byteLength;
  const next = (count: number): Float32Array => {
    const scores = new Float32Array(words, at, count);
    at += scores.byteLength;
    return scores;
  };
  return Array.from({ length: layers }, (_, layer) => {
    const [ffnChannels = 0, queryHeads = 0, kvGroups = 0] = sizes.subarray(
      KINDS.length * layer,
      KINDS.length * (layer + 1),
    );
    return { ffnChannels: next(ffnChannels), queryHeads: next(queryHeads), kvGroups: next(kvGroups) };
  });
}

function digest(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Removes the entries unused for the longest time, and what a stopped server left unfinished. */
async function removeOldest(directory: string, limitBytes: number): Promise<void> {
  const names = await readdir(directory);
  const entries = [];
  for (const name of names) {
    const path = join(directory, name);
    const found = await stat(path).catch(absentAsUndefined);
    if (found !== undefined && name.endsWith(SUFFIX)) entries.push({ path, bytes: found.size, usedMs: found.mtimeMs });
    if (found !== undefined && name.endsWith(UNFINISHED) && Date.now() - found.mtimeMs > UNFINISHED_MS)
      await rm(path, { force: true });
  }
  let total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { path, bytes } of entries.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (total <= limitBytes) return;
    await rm(path, { force: true });
    total -= bytes;
  }
}

/** Several jobs may write at the same time, but none for so long. */
const UNFINISHED_MS = 3_600_000;

function absentAsUndefined(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
