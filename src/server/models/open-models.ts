import { join } from 'node:path';
import { openCheckpoint } from '../../engine/checkpoint/open-checkpoint.js';
import type { Int8Check } from '../../engine/quantisation/measure-int8.js';
import { openLanguageModel, type LanguageModel } from '../../engine/language-model.js';
import type { LatencyTable } from '../../core/budget/latency-table.js';
import type { BudgetedModel } from '../encoding/budget.js';
import { createLatencyTables } from '../latency/latency-tables.js';
import { loadTokenizer, type Tokenizer } from '../../engine/tokenizer.js';
import { resolveWithin } from '../config/resolve-within.js';
import { atField } from '../errors/at-field.js';

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

/** A model as budgets look at it. */
export function budgeted({ language: { shape, checkpoint }, timeShapes }: OpenModel): BudgetedModel {
  return { shape, maxPositions: checkpoint.config.maxPositions, timeShapes };
}

export interface OpenModelsOptions {
  readonly modelRoots: readonly string[];
  /** Where links of a checkpoint's folder and of its files may lead. */
  readonly modelLinks: 'within-roots' | 'anywhere';
  readonly threads: number;
  readonly memoryBudgetBytes: number;
  /** Measured latencies are kept under it, and what does not fit into memory lies in a folder of it meanwhile. */
  readonly stateDirectory: string;
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

/**
 * Keeps each checkpoint open under its folder until it changes on disk, its thread fails, or the server stops. A replaced one is left to
 * those who still use it: its files stay readable until the server stops, and nothing new is started on it.
 */
export function createOpenModels(options: OpenModelsOptions): OpenModels {
  const entries = new Map<string, Entry>();
  const replaced: Entry[] = [];
  const latencies = createLatencyTables({ directory: join(options.stateDirectory, 'latencies'), threads: options.threads });
  return {
    async open(name, field = 'model') {
      const directory = await resolveWithin(options.modelRoots, name, { field, missing: 'MODEL_NOT_FOUND', links: options.modelLinks });
      const known = entries.get(directory);
      if (known !== undefined && (await hasEnded(known)) && entries.get(directory) === known) {
        entries.delete(directory);
        await closeEntry(known); // nobody can use it any more
      }
      let entry = entries.get(directory);
      if (entry !== undefined && (await hasChanged(entry)) && entries.get(directory) === entry) {
        entries.delete(directory);
        replaced.push(entry);
      }
      entry = entries.get(directory) ?? openEntry(directory, options);
      entries.set(directory, entry);
      entry.language.catch(() => entries.delete(directory));
      const [language, tokenizer] = await Promise.all([entry.language, entry.tokenizer]).catch((error: unknown) => {
        throw atField(error, field);
      });
      return { name, language, tokenizer, timeShapes: (length, signal) => latencies.find(language, length, signal), findPace: (signal) => language.findPace(signal) };
    },
    async close() {
      const open = [...entries.values(), ...replaced.splice(0)];
      entries.clear();
      await Promise.allSettled(open.map(closeEntry));
    },
  };
}

/** A plug-in can take a model's thread down with it; that costs its own call, and not all later ones. */
function hasEnded({ language }: Entry): Promise<boolean> {
  return language.then((opened) => opened.hasEnded(), () => false);
}

async function closeEntry({ language }: Entry): Promise<void> {
  await (await language).close();
}

function openEntry(directory: string, { modelRoots, modelLinks, threads, memoryBudgetBytes, stateDirectory, checkInt8 }: OpenModelsOptions): Entry {
  const language = openCheckpoint(directory, modelLinks === 'anywhere' ? {} : { roots: modelRoots }).then((checkpoint) =>
    openLanguageModel(checkpoint, { threads, memoryBudgetBytes, scratchDirectory: join(stateDirectory, 'scratch'), checkInt8 }).catch(async (error: unknown) => {
      await checkpoint.close();
      throw error;
    }));
  // A checkpoint that does not open is reported for what it is, whatever its tokenizer.
  const tokenizer = language.then(({ checkpoint }) => loadTokenizer(checkpoint.files));
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
