import { PrunecastError } from '../../core/errors/prunecast-error.js';

/** MEMORY_EXCEEDED: the texts of a task need more memory than allowed. */
export function tokenizerMemoryExceeded(textBytes: number, memoryBytes: number): PrunecastError {
  return new PrunecastError(
    'MEMORY_EXCEEDED',
    `the tokenizer needs more than ${memoryBytes} bytes (at most half of the memory budget) for a text of ${textBytes}: send a shorter text, or raise the budget`,
    { metadata: { text_bytes: String(textBytes), budget_bytes: String(memoryBytes) } },
  );
}

/** TOKENIZER_TIMEOUT: a task has used up its processor time. */
export function tokenizerTimeout(textBytes: number, processorMs: number): PrunecastError {
  const seconds = String(Math.ceil(processorMs / 1000));
  return new PrunecastError(
    'TOKENIZER_TIMEOUT',
    `the tokenizer did not finish within ${seconds} s of processor time on a text of ${textBytes} bytes: tokenizer.json has an expression that never ends on it, or the text is one long word; send token ids, or a shorter text`,
    { metadata: { text_bytes: String(textBytes), limit_seconds: seconds } },
  );
}
