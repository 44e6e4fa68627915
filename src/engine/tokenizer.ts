import { PrunecastError } from '../core/errors/prunecast-error.js';
import type { CheckpointFiles } from './checkpoint/checkpoint-files.js';
import { TOKENIZER_FILE } from './checkpoint/tokenizer-file.js';
import { startWorker } from '../onnx-runtime/start-worker.js';
import { digestBytes } from './digest.js';
import { decodeError, type ErrorMessage } from './workers/message-errors.js';
import { workerUrl } from './workers/worker-url.js';

/** Turns text into token ids as the checkpoint's own tokenizer does. */
export interface Tokenizer {
  /** SHA-256 of tokenizer.json. */
  readonly digest: string;
  /**
   * The ids of a text, tokenized at once, without special tokens at its ends. Runs in a thread of its own: 1.3 MB take
   * 1.6 s. Throws the signal's reason when it fires, MODEL_MALFORMED where tokenizer.json cannot be used, and
   * MODEL_UNSUPPORTED where it would give other tokens for this text than transformers.
   */
  encode(text: string, signal?: AbortSignal): Promise<Int32Array>;
  /** Several texts by one thread, in their order. */
  encodeAll(texts: readonly string[], signal?: AbortSignal): Promise<readonly Int32Array[]>;
}

/** What the thread is given: the bytes of tokenizer.json and the texts. */
export interface TokenizerTask {
  readonly json: SharedArrayBuffer;
  readonly texts: readonly string[];
}

/** What the thread answers. */
export type TokenizerAnswer = { readonly tokens: readonly Int32Array[] } | { readonly failure: ErrorMessage };

/** Largest tokenizer.json read. Those of Gemma 3 (33 MB) and Llama 3 (17 MB) are the largest known. */
const MAX_TOKENIZER_BYTES = 128 * 1024 * 1024;

/** The tokenizer of a checkpoint; undefined where the folder has no tokenizer.json. Throws MODEL_MALFORMED. */
export async function loadTokenizer(files: Pick<CheckpointFiles, 'read'>): Promise<Tokenizer | undefined> {
  const bytes = await files.read(TOKENIZER_FILE, MAX_TOKENIZER_BYTES);
  if (bytes === undefined) return undefined;
  const json = new Uint8Array(new SharedArrayBuffer(bytes.length)); // handed to threads without a copy
  json.set(bytes);
  const encodeAll = (texts: readonly string[], signal?: AbortSignal): Promise<readonly Int32Array[]> => runTask({ json: json.buffer, texts }, signal);
  return {
    digest: digestBytes(json),
    encode: async (text, signal) => {
      const [tokens] = await encodeAll([text], signal);
      return tokens ?? new Int32Array();
    },
    encodeAll,
  };
}

/** One thread a task: it ends with the answer, with any error, and on cancel. */
async function runTask(task: TokenizerTask, signal: AbortSignal | undefined): Promise<readonly Int32Array[]> {
  signal?.throwIfAborted();
  const worker = startWorker(workerUrl(new URL('./workers/tokenizer-worker.js', import.meta.url)), { workerData: task });
  const ending = new AbortController(); // takes the listener off the caller's signal, which may live long
  try {
    const answer = await new Promise<TokenizerAnswer>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new PrunecastError('INTERNAL', `the tokenizer's thread ended with code ${code} before it answered`)));
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true, signal: ending.signal });
    });
    if ('tokens' in answer) return answer.tokens;
    throw decodeError(answer.failure);
  } finally {
    ending.abort();
    await worker.terminate();
  }
}
