import { readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Tokenizer } from '@huggingface/tokenizers';
import type { TokenCover } from '../../core/ports/evaluator.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { TOKENIZER_FILE } from '../files/file-names.js';
import { malformed } from '../files/model-errors.js';
import { isRecord, parseJsonObject } from '../files/read-json.js';
import { joinDocuments, readDocuments } from '../texts/decode-text.js';
import { cutAtLine, dropCutTokens } from '../texts/lead.js';
import { encodeError } from '../workers/message-errors.js';
import { countWords } from './count-words.js';
import { coverTokens } from './cover-tokens.js';
import { rememberWords } from './remember-words.js';
import { spellTokens } from './spell-tokens.js';
import { splitAtJoins } from './split-at-joins.js';
import type { FileDescription, TokenizerAnswer, TokenizerProgress, TokenizerTask } from './tokenizer-process.js';
import { requireWholeWords } from './whole-words.js';

/*
 * The thread of a tokenizer's process that does the work. An error of the tokenizer is an answer, not an uncaught
 * exception, because tokenizer.json is untrusted.
 */

const answer = await encode(workerData as TokenizerTask);
parentPort?.postMessage(
  answer,
  'texts' in answer ? answer.texts.map(({ tokens }) => tokens.buffer as ArrayBuffer) : [],
);

function tell(progress: TokenizerProgress): void {
  parentPort?.postMessage(progress, []);
}

async function encode({ json, texts, wants }: TokenizerTask): Promise<TokenizerAnswer> {
  try {
    const given = 'format' in texts ? await readTexts(texts) : texts;
    const isCut = 'format' in texts && endsWithin(texts);
    const config = parseJsonObject(json, TOKENIZER_FILE);
    const tokenizer = new Tokenizer(config, {});
    const characters = given.reduce((sum, text) => sum + text.length, 0);
    rememberWords(tokenizer);
    countWords(tokenizer, (taken) => tell({ share: Math.min(1, taken / characters) }), splitAtJoins(config['model']));
    const whole = listWholeWords(config, tokenizer.normalizer);
    const spell = wants === 'tokens' ? undefined : spellTokens(config, tokenizer);
    return {
      texts: given.map((text) => {
        requireWholeWords(text, whole.asWritten);
        if (whole.normalized.length > 0) requireWholeWords(tokenizer.normalizer?.(text) ?? text, whole.normalized);
        const ids = Int32Array.from(tokenizer.encode(text, { add_special_tokens: false }).ids);
        const tokens = isCut ? dropCutTokens(ids) : ids;
        const cover = spell === undefined ? undefined : coverTokens(text, ids, spell);
        return cover === undefined ? { tokens } : { tokens, cover: takeFirst(cover, tokens.length) };
      }),
    };
  } catch (error) {
    const known =
      error instanceof PrunecastError
        ? error
        : malformed(
            TOKENIZER_FILE,
            `cannot be used: ${(error instanceof Error ? error.message : String(error)).slice(0, 200)}`,
          );
    return { failure: encodeError(known) };
  }
}

/** The added tokens that match only whole words, as they are written and as the normaliser changes them. */
function listWholeWords(
  { added_tokens: added }: Readonly<Record<string, unknown>>,
  normalizer: Tokenizer['normalizer'],
): { readonly asWritten: readonly string[]; readonly normalized: readonly string[] } {
  const tokens = (Array.isArray(added) ? added : []).filter(
    (token: unknown) => isRecord(token) && token['single_word'] === true && typeof token['content'] === 'string',
  ) as { content: string; normalized?: boolean; special?: boolean }[];
  const isNormalized = ({ normalized, special }: (typeof tokens)[number]): boolean =>
    normalizer !== null && (normalized ?? special !== true);
  return {
    asWritten: tokens.filter((token) => !isNormalized(token)).map(({ content }) => content),
    normalized: tokens.filter(isNormalized).map(({ content }) => normalizer?.(content) ?? content),
  };
}

async function readTexts({ format, field, bytes, extent, documents }: FileDescription): Promise<readonly string[]> {
  const read = readInput(bytes);
  const all = await readDocuments(extent === 'lead' ? cutAtLine(read) : read, format, field);
  return documents === 'apart' ? all : [joinDocuments(all)];
}

/** Whether a text of the file is a first part of one. A line of JSON lines holds a whole document. */
function endsWithin({ extent, format, documents }: FileDescription): boolean {
  return extent === 'lead' && !(documents === 'apart' && format === 'json-lines');
}

function takeFirst({ bytes, words }: TokenCover, count: number): TokenCover {
  return { bytes: bytes.slice(0, count), words: words.slice(0, count) };
}

/** The file that this process was started with. */
function readInput(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let done = 0; done < size; ) {
    const read = readSync(0, bytes, done, size - done, done);
    if (read === 0)
      throw new PrunecastError(
        'INVALID_REQUEST',
        `the file was cut to ${done} of its ${size} bytes while it was read: send it again when it is complete`,
      );
    done += read;
  }
  return bytes;
}
