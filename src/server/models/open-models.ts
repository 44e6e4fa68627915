import { join } from 'node:path';
import { openCheckpoint } from '../../engine/checkpoint/open-checkpoint.js';
import type { Int8Check } from '../../engine/graph/measure-int8.js';
import type { LanguageModel } from '../../engine/language-model.js';
import { createMemoryPool, type MemoryPool } from '../../engine/workers/memory-pool.js';
import type { LatencyTable } from '../../core/budget/latency-table.js';
import type { LatencyTables } from '../latency/latency-tables.js';
import { loadTokenizer, shareTokenizerSlots, type Tokenizer } from '../../engine/tokenizer/tokenizer.js';
import type { TokenizerSlots } from '../../engine/tokenizer/tokenizer-slots.js';
import { resolveWithin } from '../config/resolve-within.js';
import { atField } from '../../core/errors/at-field.js';
import { createGate, type Gate } from './create-gate.js';
import { openLanguageModel } from '../../engine/open-language-model.js';

/** A checkpoint that is open for work. */
export interface OpenModel {
  /** As the caller named it. */
  readonly name: string;
  readonly language: LanguageModel;
  /** undefined where the checkpoint has no tokenizer.json. */
  readonly tokenizer: Tokenizer | undefined;
  /** How long its shapes take on this server, for a token with so many before it. */
  readonly timeShapes: (length: number, signal?: AbortSignal) => Promise<LatencyTable>;
  /** Tokens a second that it evaluates, as seen lately or by a short probe; undefined where neither is to be had. */
  readonly findPace: (signal?: AbortSignal) => Promise<number | undefined>;
}

export interface OpenModelsOptions {
  readonly modelRoots: readonly string[];
  /** Where links of a checkpoint's folder and of its files may lead. */
  readonly modelLinks: 'within-roots' | 'anywhere';
  readonly threads: number;
  /** Of all models together. */
  readonly memoryBudgetBytes: number;
  /** Most checkpoints that are kept open while nobody uses them. */
  readonly openModels: number;
  /** How long one that nobody computes with keeps its thread and its memory. */
  readonly modelIdleMs: number;
  /** Jobs that may run beside each other. */
  readonly concurrentJobs: number;
  /** What does not fit into memory lies in a folder of it meanwhile. */
  readonly stateDirectory: string;
  readonly latencies: LatencyTables;
  /** Shared by all models: the CPU is the same. */
  readonly checkInt8: () => Promise<Int8Check>;
}

/** The checkpoints that a server has open. */
export interface OpenModels {
  /**
   * Opens a checkpoint, or takes one that is open already and unchanged on disk.
   *
   * @param field the model's path in the request
   * @throws PrunecastError MODEL_NOT_FOUND, PATH_OUTSIDE_ROOTS, MODEL_MALFORMED, MODEL_UNSUPPORTED
   */
  open(name: string, field?: string): Promise<OpenModel>;
  close(): Promise<void>;
}

interface Entry {
  readonly language: Promise<LanguageModel>;
  readonly tokenizer: Promise<Tokenizer | undefined>;
}

/** A call leaves so much of the free memory to those of other models that come beside it. */
const RESERVE = 1 / 8;

/** Checkpoints that are opened at a time: each has a file open, and is hashed where nobody knows it. */
const MOST_OPENING = 4;

/**
 * Keeps the checkpoints open that were used last, each under its folder until it changes on disk. A replaced or a dropped one
 * is left to those who still use it, and keeps no memory after them. An open checkpoint has neither a thread nor an open file
 * until somebody computes with it.
 */
export function createOpenModels(options: OpenModelsOptions): OpenModels {
  /** The longest unused first. */
  const entries = new Map<string, Entry>();
  const pool = createMemoryPool({
    budgetBytes: options.memoryBudgetBytes,
    sharers: options.concurrentJobs,
    reserve: RESERVE,
    mostThreads: options.openModels,
    idleMs: options.modelIdleMs,
  });
  const passGate = createGate(MOST_OPENING);
  const slots = shareTokenizerSlots(options.memoryBudgetBytes);

  const drop = async (directory: string, entry: Entry): Promise<void> => {
    if (entries.get(directory) === entry) entries.delete(directory);
    await entry.language.then(
      (language) => language.retire(),
      () => undefined,
    );
  };
  const dropLongestUnused = async (): Promise<void> => {
    for (const [directory, entry] of entries) {
      if (entries.size <= options.openModels) return;
      const language = await entry.language.catch(() => undefined);
      if (language?.isUsed() !== true) await drop(directory, entry);
    }
  };

  return {
    async open(name, field = 'model') {
      const directory = await resolveWithin(options.modelRoots, name, {
        field,
        missing: 'MODEL_NOT_FOUND',
        links: options.modelLinks,
      });
      const known = entries.get(directory);
      if (known !== undefined && (await hasChanged(known))) await drop(directory, known);
      const entry = entries.get(directory) ?? openEntry(directory, { ...options, pool, passGate, slots });
      entries.delete(directory);
      entries.set(directory, entry); // used last
      const [language, tokenizer] = await Promise.all([entry.language, entry.tokenizer]).catch(
        async (error: unknown) => {
          await drop(directory, entry);
          throw atField(error, field);
        },
      );
      await dropLongestUnused();
      return {
        name,
        language,
        tokenizer,
        timeShapes: (length, signal) => options.latencies.find(language, length, signal),
        findPace: (signal) => language.findPace(signal),
      };
    },
    async close() {
      entries.clear();
      await pool.close();
    },
  };
}

function openEntry(
  directory: string,
  {
    modelRoots,
    modelLinks,
    threads,
    stateDirectory,
    checkInt8,
    pool,
    passGate,
    slots,
  }: OpenModelsOptions & { readonly pool: MemoryPool; readonly passGate: Gate; readonly slots: TokenizerSlots },
): Entry {
  const scratchDirectory = join(stateDirectory, 'scratch');
  const language = passGate(async () =>
    openLanguageModel(await openCheckpoint(directory, modelLinks === 'anywhere' ? {} : { roots: modelRoots }), {
      threads,
      pool,
      scratchDirectory,
      checkInt8,
    }),
  );
  // A checkpoint that does not open is reported for what it is, whatever its tokenizer.
  const tokenizer = language.then(({ checkpoint }) => loadTokenizer(checkpoint.files, { slots }));
  tokenizer.catch(() => undefined);
  return { language, tokenizer };
}

/** Whether a file that the checkpoint was read from is another by now. What can no longer be looked at tells why when it is opened. */
async function hasChanged({ language, tokenizer }: Entry): Promise<boolean> {
  try {
    const [{ checkpoint }] = await Promise.all([language, tokenizer]);
    return (await checkpoint.files.findChanged()) !== undefined;
  } catch {
    return true;
  }
}
