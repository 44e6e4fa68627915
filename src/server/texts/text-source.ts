import { quotePath } from '../../core/errors/describe-missing.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { EvaluationRows, EvaluationText } from '../../core/ports/evaluator.js';
import { digestBytes, digestOf } from '../../engine/files/digest.js';
import { formatOfText } from '../../engine/texts/decode-text.js';
import { countLeadBytes, WHOLE_TEXT_BYTES } from '../../engine/texts/lead.js';
import type { TextFile, TokenizedText as Tokenized, Tokenizer } from '../../engine/tokenizer/tokenizer.js';
import { Documents, type Text } from '../../gen/prunecast/v1/common.js';
import type { Config } from '../config/config.js';
import { openFileWithin } from '../config/open-file-within.js';
import { resolveWithin } from '../config/resolve-within.js';
import { atField } from '../../core/errors/at-field.js';
import type { OpenModel } from '../models/open-models.js';
import type { WorkContext, WorkProgress } from '../../core/ports/work-context.js';
import { createSharedWorks } from '../../core/shared-works.js';
import { readDataFiles } from './read-data-files.js';

/**
 * The largest text file that is read. A training split of 500 MB has about 125 million tokens, far more than a study
 * uses.
 */
export const MAX_TEXT_BYTES = 512 * 1024 * 1024;

/** How many tokenized texts are kept; a study has at most four. */
const CACHED_TEXTS = 8;

/** The most bytes of their tokens, at four bytes each, and the most of the memory budget that they may take. */
const CACHED_BYTES = 256 * 2 ** 20;
const CACHED_SHARE = 1 / 16;

/** The texts of requests as token ids of a model. */
export interface TextSource {
  /**
   * @param field the text's path in the request
   * @param asked `tokens`: how many of its tokens are asked for. Of a long file only a first part may then be read
   * (`countLeadBytes`), which is the text: its digest covers what was read, and windows are spread over that. `signal`
   * ends the wait for its tokens, and the tokenizing too unless others wait for it.
   * @throws PrunecastError INVALID_REQUEST, TEXT_NOT_FOUND, PATH_OUTSIDE_ROOTS, TOKENIZER_MISSING, those of
   * `Tokenizer.encode`, or the signal's reason
   */
  load(
    text: Text | undefined,
    model: OpenModel,
    field: string,
    asked?: Partial<WorkContext> & { readonly tokens?: number | undefined },
  ): Promise<EvaluationText>;
  /**
   * The rows of the files that a text names, with the model's tokenizer. Texts that were tokenized before are not
   * tokenized again as long as they are kept.
   *
   * @param folders the folders whose files are read, inside of the named one; undefined: the named one is a file
   * @param field the text's path in the request
   * @throws PrunecastError as `readDataFiles`, TOKENIZER_MISSING, and INVALID_REQUEST for a text that is no file;
   * `tokenize` those of `Tokenizer.encode`, or the signal's reason
   */
  loadRows(
    text: Text | undefined,
    model: OpenModel,
    field: string,
    folders?: readonly string[],
    asked?: Partial<WorkContext>,
  ): Promise<EvaluationRows>;
  /** The real path of a text's file; undefined for a text that `load` refuses. */
  locate(path: string): Promise<string | undefined>;
}

/** Told each path of a request before what it names is read. */
export type NoteUse = (path: string) => Promise<void>;

/** Reads texts under the data roots, and keeps the most recently tokenized ones. */
export function createTextSource(
  { dataRoots, dataLinks, memoryBudgetBytes }: Pick<Config, 'dataRoots' | 'dataLinks' | 'memoryBudgetBytes'>,
  {
    wholeBytes = WHOLE_TEXT_BYTES,
    noteUse = async () => undefined,
  }: { readonly wholeBytes?: number; readonly noteUse?: NoteUse } = {},
): TextSource {
  const known = createSharedWorks<TokenizedText, WorkProgress>(CACHED_TEXTS, {
    most: Math.min(CACHED_BYTES, memoryBudgetBytes * CACHED_SHARE),
    of: ({ tokens, cover, documents }) =>
      [tokens, cover?.bytes, cover?.words, documents].reduce((sum, part) => sum + (part?.byteLength ?? 0), 0),
  });
  const knownRows = createSharedWorks<readonly Int32Array[], WorkProgress>(CACHED_TEXTS, {
    most: Math.min(CACHED_BYTES, memoryBudgetBytes * CACHED_SHARE),
    of: (all) => all.reduce((sum, { byteLength }) => sum + byteLength, 0),
  });
  const readLead = async (
    { path, textField, documents }: FileText,
    model: OpenModel,
    field: string,
    {
      tokens,
      beyond,
      work,
    }: { readonly tokens: number | undefined; readonly beyond: number; readonly work: WorkContext },
  ): Promise<Lead> => {
    const opened = await openFileWithin(dataRoots, path, {
      field: `${field}.path`,
      missing: 'TEXT_NOT_FOUND',
      links: dataLinks,
      maxBytes: MAX_TEXT_BYTES,
    });
    // The reader closes the file, possibly after the caller that opened it has left.
    let isRead = false;
    try {
      const {
        handle,
        file,
        stats: { dev, ino, size, mtimeMs, ctimeMs },
      } = opened;
      const format = formatOfText(path, textField);
      // The first part of another file than these cannot be read without the rest.
      const isCut = format === 'plain' || format === 'json-lines';
      const bytes = !isCut ? size : countLeadBytes(size, tokens, { wholeBytes, beyond });
      const stamp = [
        file,
        format,
        textField,
        documents,
        dev,
        ino,
        size,
        mtimeMs,
        ctimeMs,
        bytes,
        model.tokenizer?.digest ?? '',
      ];
      const extent: TextFile['extent'] = bytes < size ? 'lead' : 'whole';
      const text = await known.run(
        JSON.stringify(stamp),
        async (shared) => {
          isRead = true;
          const described: TextFile = {
            fd: handle.fd,
            bytes,
            format,
            extent,
            documents,
            ...(textField === undefined ? {} : { field: textField }),
          };
          return tokenize(model, described, { field, file: path }, shared).finally(() => handle.close());
        },
        work,
      );
      return { text, bytes, isWhole: extent === 'whole' };
    } finally {
      if (!isRead) await opened.handle.close();
    }
  };
  return {
    locate: (path) =>
      resolveWithin(dataRoots, path, { field: 'path', missing: 'TEXT_NOT_FOUND', links: dataLinks }).catch(
        (error: unknown) => {
          if (error instanceof PrunecastError) return undefined;
          throw error;
        },
      ),
    async load(text, model, field, { tokens, ...asked } = {}) {
      const work: WorkContext = { signal: new AbortController().signal, ...asked };
      const documents = decodeDocuments(text?.documents, `${field}.documents`);
      if (text?.field !== undefined && text.source?.$case !== 'path')
        throw PrunecastError.ofField(`${field}.field`, 'only files have fields: leave it out, or send a path');
      switch (text?.source?.$case) {
        case 'path': {
          const { value } = text.source;
          await noteUse(value);
          let [lead, beyond]: [Lead | undefined, number] = [undefined, 0];
          do {
            lead = await readLead({ path: value, textField: text.field, documents }, model, field, {
              tokens,
              beyond,
              work,
            });
            beyond = lead.bytes;
          } while (!lead.isWhole && lead.text.tokens.length < (tokens ?? Infinity)); // its tokens are longer than most
          return withBos(model, lead.text);
        }
        case 'inline': {
          const content = checkInline(text.source.value, `${field}.inline`);
          const key = JSON.stringify([
            'inline',
            digestBytes(new TextEncoder().encode(content)),
            model.tokenizer?.digest ?? '',
          ]);
          return withBos(model, await known.run(key, (shared) => tokenize(model, content, { field }, shared), work));
        }
        case 'tokenIds':
          return withBos(model, takeTokenIds(text.source.value.ids, model, `${field}.token_ids.ids`));
        case undefined:
          throw PrunecastError.ofField(
            field,
            'no text was given: send a path under a data root, inline text, or token ids',
          );
      }
    },
    async loadRows(text, model, field, folders, asked = {}) {
      if (text?.source?.$case !== 'path')
        throw PrunecastError.ofField(field, 'rows are read from files: send a path under a data root');
      if (text.field !== undefined)
        throw PrunecastError.ofField(`${field}.field`, 'is set, but of rows all fields are read: leave it out');
      if (text.documents !== Documents.UNSPECIFIED)
        throw PrunecastError.ofField(`${field}.documents`, 'is set, but rows are no text: leave it out');
      const tokenizer = requireTokenizer(model, field);
      const work: WorkContext = { signal: new AbortController().signal, ...asked };
      await noteUse(text.source.value);
      const data = await readDataFiles(
        { dataRoots, dataLinks },
        { path: text.source.value, field: `${field}.path` },
        folders,
      );
      const { shape, checkpoint } = model.language;
      const bosToken = bosTokenOf(model);
      return {
        ...data,
        tokenizerDigest: tokenizer.digest,
        ...(bosToken === undefined ? {} : { bosToken }),
        shape,
        maxPositions: checkpoint.config.maxPositions,
        tokenize: async (texts) => {
          const key = JSON.stringify([digestOf(texts), tokenizer.digest]);
          const tokens = await knownRows
            .run(key, (shared) => tokenizer.encodeAll(texts, shared), work)
            .catch((error: unknown) => {
              throw atField(error, field);
            });
          return [...tokens];
        },
      };
    },
  };
}

/** What of a file is a text. */
interface FileText {
  readonly path: string;
  readonly textField: string | undefined;
  readonly documents: 'joined' | 'apart';
}

function decodeDocuments(documents: Documents | undefined, field: string): FileText['documents'] {
  switch (documents) {
    case undefined:
    case Documents.UNSPECIFIED:
    case Documents.JOINED:
      return 'joined';
    case Documents.APART:
      return 'apart';
    default:
      throw PrunecastError.ofField(field, `is ${documents}; allowed are the values of Documents`);
  }
}

/** What was read of a file. */
interface Lead {
  readonly text: TokenizedText;
  readonly bytes: number;
  readonly isWhole: boolean;
}

/** A text's tokens without what a model adds to them: models with the same tokenizer share them. */
type TokenizedText = Omit<EvaluationText, 'bosToken'>;

async function tokenize(
  model: OpenModel,
  text: string | TextFile,
  { field, file }: { readonly field: string; readonly file?: string },
  work: WorkContext,
): Promise<TokenizedText> {
  const tokenizer = requireTokenizer(model, field);
  const read = await tokenizer.tokenize(text, work).catch((error: unknown) => {
    throw error instanceof PrunecastError && error.reason === 'INVALID_REQUEST'
      ? file === undefined
        ? PrunecastError.ofField(`${field}.inline`, error.message)
        : PrunecastError.ofField(`${field}.path`, `${quotePath(file)}: ${error.message}`)
      : atField(error, field);
  });
  return { ...read, digest: digestText(read), tokenizerDigest: tokenizer.digest };
}

function digestText({ tokens, documents }: Tokenized): string {
  if (documents === undefined) return digestBytes(tokens);
  const all = new Int32Array(tokens.length + documents.length);
  all.set(tokens);
  all.set(documents, tokens.length);
  return digestBytes(all);
}

function requireTokenizer({ name, tokenizer }: OpenModel, field: string): Tokenizer {
  if (tokenizer !== undefined) return tokenizer;
  throw new PrunecastError(
    'TOKENIZER_MISSING',
    `${field}: the model ${name} has no tokenizer.json: make it, python -c "from transformers import AutoTokenizer as T; T.from_pretrained('FOLDER').save_pretrained('FOLDER')", or send token ids in place of text`,
    {
      violations: [{ field, description: 'the model has no tokenizer: send token ids' }],
    },
  );
}

/**
 * Inline text in the same form as a file's: without a byte order mark. A NUL is refused: it shows that UTF-16 was read
 * as UTF-8.
 */
function checkInline(content: string, field: string): string {
  const nul = content.indexOf('\0');
  if (nul !== -1)
    throw PrunecastError.ofField(field, `has a NUL as character ${nul + 1}, which no text has: send the text in UTF-8`);
  return content.startsWith('\uFEFF') ? content.slice(1) : content;
}

function takeTokenIds(ids: readonly number[], model: OpenModel, field: string): TokenizedText {
  const { vocabulary } = model.language.shape;
  const bad = ids.findIndex((id) => id < 0 || id >= vocabulary);
  if (bad >= 0)
    throw PrunecastError.ofField(
      `${field}[${bad}]`,
      `token ${ids[bad]} does not exist; the vocabulary has 0 to ${vocabulary - 1}`,
    );
  const tokens = Int32Array.from(ids);
  return { tokens, digest: digestBytes(tokens) };
}

/** The BOS token belongs to the model, not to the text: it never goes into the cache. */
function withBos(model: OpenModel, text: TokenizedText): EvaluationText {
  const bosToken = bosTokenOf(model);
  return bosToken === undefined ? text : { ...text, bosToken };
}

/** undefined if the model has none, or one that is not of its vocabulary. */
function bosTokenOf({ language }: OpenModel): number | undefined {
  const {
    config: { bosTokenId },
    shape,
  } = language.checkpoint;
  return bosTokenId === undefined || bosTokenId >= shape.vocabulary ? undefined : bosTokenId;
}
