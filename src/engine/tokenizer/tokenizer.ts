import type { WorkContext } from '../../core/ports/work-context.js';
import type { CheckpointFiles } from '../files/checkpoint-files.js';
import { digestBytes } from '../files/digest.js';
import { TOKENIZER_FILE } from '../files/file-names.js';
import { detectMemoryBudgetBytes } from '../runtime/resource-limits.js';
import { tokenizerMemoryExceeded } from './tokenizer-failures.js';
import { runTokenizer, type FileDescription, type TextTokens, type TokenizerTask } from './tokenizer-process.js';
import { createTokenizerSlots, type TokenizerSlots } from './tokenizer-slots.js';

/** A text in an open file; it is read by the process that tokenizes it. */
export interface TextFile extends FileDescription {
  readonly fd: number;
}

/** The tokens of a text, or of its documents one after the other. */
export interface TokenizedText extends TextTokens {
  /** Where each document begins; undefined if the text is one. */
  readonly documents?: Int32Array;
}

/** Turns text into token ids as the checkpoint's own tokenizer does. */
export interface Tokenizer {
  /** SHA-256 of tokenizer.json. */
  readonly digest: string;
  /**
   * A text that is tokenized as a whole, or document by document, without special tokens at its ends. Runs in a
   * separate process: 4 MB take 2.5 s of its time. What is reported is the bytes of the text.
   *
   * @throws the signal's reason, PrunecastError MODEL_MALFORMED if tokenizer.json cannot be used, MODEL_UNSUPPORTED if
   * it would give other tokens for this text than transformers, INVALID_REQUEST if the file is not a text of its
   * format, TOKENIZER_TIMEOUT, MEMORY_EXCEEDED, and OVERLOADED if too many texts wait
   */
  tokenize(text: string | TextFile, work?: Partial<WorkContext>): Promise<TokenizedText>;
  /** The ids alone. */
  encode(text: string | TextFile, work?: Partial<WorkContext>): Promise<Int32Array>;
  /** Several texts in one process, in their order. */
  encodeAll(texts: readonly string[], work?: Partial<WorkContext>): Promise<readonly Int32Array[]>;
}

export interface TokenizerOptions {
  /** Shared by all tokenizers of a server. */
  readonly slots?: TokenizerSlots;
  /** Processor time that any task may use, however short its text. Default 30,000. */
  readonly leastProcessorMs?: number;
}

/** Largest tokenizer.json that is read. Those of Gemma 3 (33 MB) and Llama 3 (17 MB) are the largest known. */
export const MAX_TOKENIZER_BYTES = 128 * 1024 * 1024;

/** Memory for tokenizers as a share of the budget, and what they get at least if the budget is small. */
const POOL_SHARE = 1 / 2;
const LEAST_POOL_BYTES = 512 * 2 ** 20;

/**
 * What a task is given. A tokenizer.json of 2.1 MB takes 43 MB; a byte of text takes 40 to 80 bytes and half a
 * microsecond, and 480 bytes and 9 microseconds if all of it is one word that cannot be cut (`splitAtJoins`). No known
 * tokenizer takes less than the last of these limits.
 */
const BASE_BYTES = 128 * 2 ** 20;
const BYTES_A_TOKENIZER_BYTE = 25;
const BYTES_A_TEXT_BYTE = 600;
const LEAST_BYTES_A_TEXT_BYTE = 12;
const PROCESSOR_MS_A_TEXT_BYTE = 0.03;
const LEAST_PROCESSOR_MS = 30_000;

/** The slots of a server with this memory budget. */
export function shareTokenizerSlots(memoryBudgetBytes: number): TokenizerSlots {
  return createTokenizerSlots({ poolBytes: Math.max(LEAST_POOL_BYTES, Math.floor(memoryBudgetBytes * POOL_SHARE)) });
}

/** The tokenizer of a checkpoint; undefined if the folder has no tokenizer.json. Throws MODEL_MALFORMED. */
export async function loadTokenizer(
  files: Pick<CheckpointFiles, 'read'>,
  {
    slots = shareTokenizerSlots(detectMemoryBudgetBytes()),
    leastProcessorMs = LEAST_PROCESSOR_MS,
  }: TokenizerOptions = {},
): Promise<Tokenizer | undefined> {
  const json = await files.read(TOKENIZER_FILE, MAX_TOKENIZER_BYTES);
  if (json === undefined) return undefined;
  const run = async (
    { texts, wants }: Pick<TokenizerTask, 'texts' | 'wants'>,
    textBytes: number,
    { fd, signal, report }: { readonly fd?: number } & Partial<WorkContext>,
  ): Promise<readonly TextTokens[]> => {
    if (textBytes * LEAST_BYTES_A_TEXT_BYTE > slots.poolBytes)
      throw tokenizerMemoryExceeded(textBytes, slots.poolBytes);
    const memoryBytes = Math.min(
      slots.poolBytes,
      BASE_BYTES + BYTES_A_TOKENIZER_BYTE * json.length + BYTES_A_TEXT_BYTE * textBytes,
    );
    const processorMs = leastProcessorMs + PROCESSOR_MS_A_TEXT_BYTE * textBytes;
    return slots.run(
      memoryBytes,
      () =>
        runTokenizer(
          { json, texts, wants, textBytes, memoryBytes, processorMs },
          {
            ...(fd === undefined ? {} : { fd }),
            ...(signal === undefined ? {} : { signal }),
            ...(report === undefined ? {} : { report: tellBytes(report, textBytes) }),
          },
        ),
      signal,
    );
  };
  const runTexts = (
    texts: readonly string[],
    wants: TokenizerTask['wants'],
    work: Partial<WorkContext> = {},
  ): Promise<readonly TextTokens[]> =>
    run(
      { texts, wants },
      texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0),
      work,
    );
  const runFile = ({ fd, ...file }: TextFile, work: Partial<WorkContext> = {}): Promise<readonly TextTokens[]> =>
    run({ texts: file, wants: 'tokens and covers' }, file.bytes, { ...work, fd });
  const tokenize: Tokenizer['tokenize'] = async (text, work) => {
    if (typeof text !== 'string') return joinTexts(await runFile(text, work), text.documents);
    return joinTexts(await runTexts([text], 'tokens and covers', work), 'joined');
  };
  return {
    digest: digestBytes(json),
    tokenize,
    encode: async (text, work) => (await tokenize(text, work)).tokens,
    encodeAll: async (texts, work) => (await runTexts(texts, 'tokens', work)).map(({ tokens }) => tokens),
  };
}

function joinTexts(texts: readonly TextTokens[], documents: FileDescription['documents']): TokenizedText {
  const [first] = texts;
  if (documents !== 'apart' && first !== undefined) return first;
  const starts = new Int32Array(texts.length);
  let total = 0;
  for (const [place, { tokens }] of texts.entries()) {
    starts[place] = total;
    total += tokens.length;
  }
  const tokens = new Int32Array(total);
  const [bytes, words] = [new Uint16Array(total), new Uint16Array(total)];
  for (const [place, text] of texts.entries()) {
    const start = starts[place] ?? 0;
    tokens.set(text.tokens, start);
    bytes.set(text.cover?.bytes ?? [], start);
    words.set(text.cover?.words ?? [], start);
  }
  const isCovered = texts.every(({ cover }) => cover !== undefined);
  return { tokens, documents: starts, ...(isCovered ? { cover: { bytes, words } } : {}) };
}

/** A share of a text as bytes of it. */
function tellBytes(report: NonNullable<WorkContext['report']>, total: number): (share: number) => void {
  return (share) => report({ activity: 'tokenizing', what: 'bytes', done: Math.round(share * total), total });
}
