import { join } from 'node:path';
import type { WorkContext, WorkProgress } from '../../core/ports/work-context.js';
import { openCheckpoint } from '../../engine/checkpoint/open-checkpoint.js';
import type { Int8Check } from '../../engine/graph/measure-int8.js';
import type { LanguageModel } from '../../engine/language-model.js';
import { createMemoryPool, type MemoryPool } from '../../engine/workers/memory-pool.js';
import type { Speeds, UnknownSpeeds } from '../../engine/pace.js';
import type { LatencyTable } from '../../core/budget/latency-table.js';
import type { LatencyTables } from '../latency/latency-tables.js';
import { loadTokenizer, shareTokenizerSlots, type Tokenizer } from '../../engine/tokenizer/tokenizer.js';
import type { TokenizerSlots } from '../../engine/tokenizer/tokenizer-slots.js';
import { resolveWithin } from '../config/resolve-within.js';
import { atField } from '../../core/errors/at-field.js';
import { openLanguageModel } from '../../engine/open-language-model.js';

/** An open checkpoint. */
export interface OpenModel {
  /** As the caller named it. */
  readonly name: string;
  readonly language: LanguageModel;
  /** undefined if the checkpoint has no tokenizer.json. */
  readonly tokenizer: Tokenizer | undefined;
  /** Times the model's shapes on this server, for a token with `length` tokens before it. */
  readonly timeShapes: (length: number, work?: WorkContext) => Promise<LatencyTable>;
  /**
   * How fast it computes, measured by recent work or a short probe; why not if neither is possible.
   */
  readonly findSpeeds: (signal?: AbortSignal) => Promise<Speeds | UnknownSpeeds>;
}

export interface OpenModelsOptions {
  readonly modelRoots: readonly string[];
  /** Where symbolic links of a checkpoint's folder and of its files may lead. */
  readonly modelLinks: 'within-roots' | 'anywhere';
  readonly threads: number;
  /** Shared by all models. */
  readonly memoryBudgetBytes: number;
  /** The most checkpoints that stay open while unused. */
  readonly openModels: number;
  /** How long a model that nobody uses stays open, and keeps its thread and its memory. */
  readonly modelIdleMs: number;
  /** The most jobs that run at the same time. */
  readonly concurrentJobs: number;
  /** What does not fit into memory is kept in a folder under it. */
  readonly stateDirectory: string;
  readonly latencies: LatencyTables;
  /** One check for all models, since the CPU is the same. */
  readonly checkInt8: () => Promise<Int8Check>;
  /** Is told how many are open, each time that it changes. */
  readonly counted?: (open: number) => void;
  /** What the server adds to a model of the engine; nothing by default. */
  readonly extend?: (language: LanguageModel) => LanguageModel;
}

/** The checkpoints that a server has open. */
export interface OpenModels {
  /**
   * Opens a checkpoint, or returns the open one if its files have not changed.
   *
   * @param field the model's path in the request
   * @param report is told how far a checkpoint is hashed; opening is shared by all who wait for it, so that no single
   * one of them can end it
   * @throws PrunecastError MODEL_NOT_FOUND, PATH_OUTSIDE_ROOTS, MODEL_MALFORMED, MODEL_UNSUPPORTED
   */
  open(name: string, field?: string, report?: WorkContext['report']): Promise<OpenModel>;
  close(): Promise<void>;
}

interface Entry {
  readonly language: Promise<LanguageModel>;
  readonly tokenizer: Promise<Tokenizer | undefined>;
  /** Those who wait for it. */
  readonly listeners: Set<NonNullable<WorkContext['report']>>;
  ageTimer?: NodeJS.Timeout;
}

/** The share of the free memory that a call leaves to calls of other models. */
const RESERVE = 1 / 8;

/**
 * The most checkpoints that are opened at the same time: each needs an open file, and is hashed if its digest is
 * unknown.
 */
const MOST_OPENING = 4;

/**
 * Keeps the recently used checkpoints open, each until its files change. A checkpoint that was replaced or dropped
 * stays usable for those who hold it, and its memory is freed after them. An open checkpoint has no thread and no open
 * file until it is used for computing.
 */
export function createOpenModels(options: OpenModelsOptions): OpenModels {
  /** In order of use, the longest unused first. */
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
    options.counted?.(entries.size);
    await entry.language.then(
      (language) => language.retire(),
      () => undefined,
    );
  };
  const dropOnceOld = (directory: string, entry: Entry): void => {
    clearTimeout(entry.ageTimer);
    entry.ageTimer = setTimeout(async () => {
      const language = await entry.language.catch(() => undefined);
      if (entries.get(directory) !== entry) return;
      if (language?.isUsed() === true) dropOnceOld(directory, entry);
      else await drop(directory, entry);
    }, options.modelIdleMs).unref();
  };
  const dropLongestUnused = async (): Promise<void> => {
    for (const [directory, entry] of entries) {
      if (entries.size <= options.openModels) return;
      const language = await entry.language.catch(() => undefined);
      if (language?.isUsed() !== true) await drop(directory, entry);
    }
  };

  return {
    async open(name, field = 'model', report = () => undefined) {
      const directory = await resolveWithin(options.modelRoots, name, {
        field,
        missing: 'MODEL_NOT_FOUND',
        links: options.modelLinks,
      });
      const known = entries.get(directory);
      if (known !== undefined && (await hasChanged(known))) await drop(directory, known);
      const entry = entries.get(directory) ?? openEntry(directory, { ...options, pool, passGate, slots });
      entries.delete(directory);
      entries.set(directory, entry); // the most recently used
      options.counted?.(entries.size);
      const listener = (progress: WorkProgress): void => report(progress);
      entry.listeners.add(listener);
      const [language, tokenizer] = await Promise.all([entry.language, entry.tokenizer])
        .catch(async (error: unknown) => {
          await drop(directory, entry);
          throw atField(error, field);
        })
        .finally(() => entry.listeners.delete(listener));
      dropOnceOld(directory, entry);
      await dropLongestUnused();
      return {
        name,
        language,
        tokenizer,
        timeShapes: (length, work) => options.latencies.find(language, length, work),
        findSpeeds: (signal) => language.findSpeeds(signal),
      };
    },
    async close() {
      entries.clear();
      options.counted?.(0);
      await pool.close();
    },
  };
}

/** The folder for what does not fit in memory, for trainings, and for checkpoints that evaluators measure. */
export function scratchDirectoryOf(stateDirectory: string): string {
  return join(stateDirectory, 'scratch');
}

function openEntry(
  directory: string,
  {
    modelRoots,
    modelLinks,
    threads,
    stateDirectory,
    checkInt8,
    extend = (language) => language,
    pool,
    passGate,
    slots,
  }: OpenModelsOptions & { readonly pool: MemoryPool; readonly passGate: Gate; readonly slots: TokenizerSlots },
): Entry {
  const scratchDirectory = scratchDirectoryOf(stateDirectory);
  const listeners: Entry['listeners'] = new Set();
  const report = (progress: WorkProgress): void => {
    for (const listener of listeners) listener(progress);
  };
  const language = passGate(async () => {
    const roots = modelLinks === 'anywhere' ? {} : { roots: modelRoots };
    const checkpoint = await openCheckpoint(directory, { report, ...roots });
    return extend(await openLanguageModel(checkpoint, { threads, pool, scratchDirectory, checkInt8 }));
  });
  // If a checkpoint cannot be opened, its own error is reported, whatever its tokenizer.
  const tokenizer = language.then(({ checkpoint }) => loadTokenizer(checkpoint.files, { slots }));
  tokenizer.catch(() => undefined);
  return { language, tokenizer, listeners };
}

/**
 * Whether a file of the checkpoint has changed. A file that cannot be read counts as changed: opening it again gives
 * the reason.
 */
async function hasChanged({ language, tokenizer }: Entry): Promise<boolean> {
  try {
    const [{ checkpoint }] = await Promise.all([language, tokenizer]);
    return (await checkpoint.files.findChanged()) !== undefined;
  } catch {
    return true;
  }
}

/** Runs up to a number of works at the same time; the others wait in the order they came. */
export type Gate = <Result>(work: () => Promise<Result>) => Promise<Result>;

export function createGate(most: number): Gate {
  const waiting: (() => void)[] = [];
  let passing = 0;
  return async (work) => {
    if (passing < most) passing += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve)); // takes over the place of the work that wakes it
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) passing -= 1;
      else next();
    }
  };
}
