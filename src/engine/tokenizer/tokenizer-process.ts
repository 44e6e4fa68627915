import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TokenCover } from '../../core/ports/evaluator.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { TextFormat } from '../texts/text-format.js';
import { decodeError, type ErrorMessage } from '../workers/message-errors.js';
import { workerUrl } from '../workers/worker-url.js';
import { tokenizerMemoryExceeded } from './tokenizer-failures.js';

/** What a tokenizer's process is given. */
export interface TokenizerTask {
  /** tokenizer.json. */
  readonly json: Uint8Array;
  /** The texts, or a description of the file that holds the only text. */
  readonly texts: readonly string[] | FileDescription;
  /** What is wanted of each text beside its tokens. */
  readonly wants: 'tokens' | 'tokens and covers';
  /** Bytes of all texts. */
  readonly textBytes: number;
  /** Most bytes of its heap. */
  readonly memoryBytes: number;
  /** Most processor time of all its threads together. */
  readonly processorMs: number;
}

/** What of a file is the text. */
export interface FileDescription {
  /** What is read of it. */
  readonly bytes: number;
  readonly format: TextFormat;
  /** The field of its documents; undefined for the default one. */
  readonly field?: string;
  /**
   * Joined by blank lines to one text, or each a text of its own.
   *
   * @default 'joined'
   */
  readonly documents?: 'joined' | 'apart';
  /** `lead`: the file goes on, and only tokens that the whole text has too are wanted. */
  readonly extent: 'whole' | 'lead';
}

/** How far it is: the share of the texts that is tokenized. It is told from time to time before the answer. */
export interface TokenizerProgress {
  readonly share: number;
}

/** What it answers. */
export type TokenizerAnswer = { readonly texts: readonly TextTokens[] } | { readonly failure: ErrorMessage };

/** The tokens of a text. */
export interface TextTokens {
  readonly tokens: Int32Array;
  /** undefined if it is not wanted, or cannot be told exactly. */
  readonly cover?: TokenCover;
}

/**
 * Tokenizes in a separate process. Whatever a tokenizer.json causes (an expression that never ends, or so much memory
 * that the process ends) then costs only this task. The process is killed after the answer, after any error, and when
 * the signal fires.
 *
 * @param fd the file of the only text, which the process inherits; the caller closes it
 * @param report is told the share of the texts that is tokenized
 * @throws the signal's reason, PrunecastError MEMORY_EXCEEDED, TOKENIZER_TIMEOUT, OVERLOADED if no process can be
 * started, and the errors of the tokenizer and the text
 */
export async function runTokenizer(
  task: TokenizerTask,
  {
    fd,
    signal,
    report,
  }: { readonly fd?: number; readonly signal?: AbortSignal; readonly report?: (share: number) => void } = {},
): Promise<readonly TextTokens[]> {
  signal?.throwIfAborted();
  report?.(0);
  const child = start(fd);
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const ending = new AbortController(); // removes the listener from the caller's signal, which may live long
  try {
    const answer = await new Promise<TokenizerAnswer>((resolve, reject) => {
      child.on('message', (message) => {
        const heard = message as TokenizerAnswer | TokenizerProgress;
        if ('share' in heard) report?.(heard.share);
        else resolve(heard);
      });
      child.once('error', (cause) =>
        reject(
          new PrunecastError('OVERLOADED', 'no process could be started for the tokenizer: try again later', {
            retryAfterMs: RETRY_AFTER_MS,
            cause,
          }),
        ),
      );
      child.once('exit', (code, killedBy) => reject(describeExit(task, code, killedBy)));
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true, signal: ending.signal });
      child.send(task, () => undefined); // if it cannot be sent, the process has ended, which is handled above
    });
    if ('texts' in answer) return answer.texts;
    throw decodeError(answer.failure);
  } finally {
    ending.abort();
    child.kill('SIGKILL');
    await exited;
  }
}

const RETRY_AFTER_MS = 1000;

function start(fd: number | undefined): ChildProcess {
  const module = fileURLToPath(workerUrl(new URL('./tokenizer-child.js', import.meta.url)));
  return fork(module, [], {
    serialization: 'advanced',
    stdio: [fd ?? 'ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: [],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
}

/**
 * When a heap is full, V8 ends the thread or aborts the whole process; when the system runs out of memory, it kills the
 * process.
 */
function describeExit(
  { textBytes, memoryBytes }: TokenizerTask,
  code: number | null,
  killedBy: NodeJS.Signals | null,
): PrunecastError {
  if (killedBy === 'SIGABRT' || killedBy === 'SIGKILL' || killedBy === 'SIGTRAP' || code === ABORTED)
    return tokenizerMemoryExceeded(textBytes, memoryBytes);
  return new PrunecastError(
    'INTERNAL',
    `the tokenizer's process ended with ${killedBy ?? `code ${code}`} before it answered`,
  );
}

/** 128 plus the number of SIGABRT, as a shell or container may report it. */
const ABORTED = 134;
