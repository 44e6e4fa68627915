import { parentPort, workerData } from 'node:worker_threads';
import { Tokenizer } from '@huggingface/tokenizers';
import type { TokenizerAnswer, TokenizerTask } from '../tokenizer.js';

/*
 * The thread behind `Tokenizer.encode`. An error of the tokenizer is an answer, not an uncaught exception: tokenizer.json is
 * untrusted.
 */

const answer = encode(workerData as TokenizerTask);
parentPort?.postMessage(answer, 'tokens' in answer ? answer.tokens.map((ids) => ids.buffer as ArrayBuffer) : []);

function encode({ json, texts }: TokenizerTask): TokenizerAnswer {
  try {
    const tokenizer = new Tokenizer(JSON.parse(Buffer.from(new Uint8Array(json)).toString()) as object, {});
    return { tokens: texts.map((text) => Int32Array.from(tokenizer.encode(text, { add_special_tokens: false }).ids)) };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}
