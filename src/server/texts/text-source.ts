import { extname } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { EvaluationText } from '../../core/ports/evaluator.js';
import { digestBytes } from '../../engine/digest.js';
import type { Text } from '../../gen/prunecast/v1/common.js';
import type { Config } from '../config/config.js';
import { openFileWithin, readOpened } from '../config/open-file-within.js';
import { resolveWithin } from '../config/resolve-within.js';
import type { OpenModel } from '../models/open-models.js';
import { createSharedWorks } from '../shared-works.js';

/** The largest text file that is read: a training split of 500 MB has some 125 million tokens, far more than any study runs. */
const MAX_TEXT_BYTES = 512 * 1024 * 1024;

/** How many tokenized texts are kept: a study has four at most. */
const CACHED_TEXTS = 8;

/** Texts of requests as token ids of a model. */
export interface TextSource {
  /**
   * @param field the text's path in the request
   * @param signal ends the wait for its tokens, and their making where nobody else waits
   * @throws PrunecastError INVALID_REQUEST, TEXT_NOT_FOUND, PATH_OUTSIDE_ROOTS, TOKENIZER_MISSING, or the signal's reason
   */
  load(text: Text | undefined, model: OpenModel, field: string, signal?: AbortSignal): Promise<EvaluationText>;
  /** The real path of a text's file; undefined for one that `load` refuses. */
  locate(path: string): Promise<string | undefined>;
}

/** Reads texts under the data roots, and keeps the last few tokenized ones. */
export function createTextSource({ dataRoots, dataLinks }: Pick<Config, 'dataRoots' | 'dataLinks'>): TextSource {
  const known = createSharedWorks<TokenizedText>(CACHED_TEXTS);
  return {
    locate: (path) => resolveWithin(dataRoots, path, { field: 'path', missing: 'TEXT_NOT_FOUND', links: dataLinks }).catch((error: unknown) => {
      if (error instanceof PrunecastError) return undefined;
      throw error;
    }),
    async load(text, model, field, signal = new AbortController().signal) {
      switch (text?.source?.$case) {
        case 'path': {
          const { value } = text.source;
          const opened = await openFileWithin(dataRoots, value, { field: `${field}.path`, missing: 'TEXT_NOT_FOUND', links: dataLinks, maxBytes: MAX_TEXT_BYTES });
          // Whoever reads the file closes it, and may do so after the caller that opened it has left.
          let isRead = false;
          try {
            const { file, stats: { dev, ino, size, mtimeMs, ctimeMs } } = opened;
            const key = JSON.stringify([file, extname(value), dev, ino, size, mtimeMs, ctimeMs, model.tokenizer?.digest ?? '']);
            return withBos(model, await known.run(key, async (unwanted) => {
              isRead = true;
              const content = Buffer.from(await readOpened(opened, `${field}.path`).finally(() => opened.handle.close())).toString();
              return tokenize(model, parseText(content, value, `${field}.path`), field, unwanted);
            }, signal));
          } finally {
            if (!isRead) await opened.handle.close();
          }
        }
        case 'inline': {
          const content = text.source.value;
          const key = JSON.stringify(['inline', digestBytes(new TextEncoder().encode(content)), model.tokenizer?.digest ?? '']);
          return withBos(model, await known.run(key, (unwanted) => tokenize(model, content, field, unwanted), signal));
        }
        case 'tokenIds':
          return withBos(model, takeTokenIds(text.source.value.ids, model, `${field}.token_ids.ids`));
        case undefined:
          throw PrunecastError.ofField(field, 'no text was given: send a path under a data root, inline text, or token ids');
      }
    },
  };
}

/** A text without what a model adds to it: models that share a tokenizer share it. */
type TokenizedText = Omit<EvaluationText, 'bosToken'>;

async function tokenize(model: OpenModel, content: string, field: string, signal: AbortSignal): Promise<TokenizedText> {
  if (model.tokenizer === undefined) {
    throw new PrunecastError('TOKENIZER_MISSING', `${field}: the model ${model.name} has no tokenizer.json: make it, python -c "from transformers import AutoTokenizer as T; T.from_pretrained('FOLDER').save_pretrained('FOLDER')", or send token ids in place of text`, {
      violations: [{ field, description: 'the model has no tokenizer: send token ids' }],
    });
  }
  const tokens = await model.tokenizer.encode(content, signal);
  return { tokens, digest: digestBytes(tokens), tokenizerDigest: model.tokenizer.digest };
}

function takeTokenIds(ids: readonly number[], model: OpenModel, field: string): TokenizedText {
  const { vocabulary } = model.language.shape;
  const bad = ids.findIndex((id) => id < 0 || id >= vocabulary);
  if (bad >= 0) throw PrunecastError.ofField(`${field}[${bad}]`, `token ${ids[bad]} does not exist; the vocabulary has 0 to ${vocabulary - 1}`);
  const tokens = Int32Array.from(ids);
  return { tokens, digest: digestBytes(tokens) };
}

/** The token is the model's, not the text's: it never goes into the cache. */
function withBos({ language }: OpenModel, text: TokenizedText): EvaluationText {
  const { config: { bosTokenId }, shape } = language.checkpoint;
  return bosTokenId === undefined || bosTokenId >= shape.vocabulary ? text : { ...text, bosToken: bosTokenId };
}

/** A JSON file holds an array of strings, joined by a blank line; any other file is taken as it is. */
function parseText(content: string, file: string, field: string): string {
  if (!file.endsWith('.json')) return content;
  const wanted = 'a JSON text is an array of strings';
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch (cause) {
    throw new PrunecastError('INVALID_REQUEST', `${field}: ${wanted}; this file is not JSON`, { violations: [{ field, description: wanted }], cause });
  }
  if (!Array.isArray(parsed) || !parsed.every((story) => typeof story === 'string')) throw PrunecastError.ofField(field, wanted);
  return parsed.join('\n\n');
}
