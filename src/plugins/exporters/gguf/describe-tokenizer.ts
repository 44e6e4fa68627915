import type { PrunedModel } from '../../../core/ports/exporter.js';
import { isRecord, parseJsonObject } from '../../../engine/files/read-json.js';
import { cannotHold } from './cannot-hold.js';
import { listRecords, listSteps, type Json } from './list-steps.js';
import { namePreTokenizer } from './name-pre-tokenizer.js';
import { requireKnownSteps } from './require-known-steps.js';
import type { GgufValue } from './write-gguf.js';

type Source = Pick<PrunedModel, 'config' | 'readSource'>;

/** Kinds of tokens (llama.h, `enum llama_token_type`). */
const KINDS = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** A byte that the vocabulary spells: `<0x0A>`. */
const BYTE_TOKEN = /^<0x[0-9A-F]{2}>$/;

/** tokenizer.json, of which a large one takes some tenths of a second; undefined if there is none. */
export function readTokenizer(source: Pick<Source, 'readSource'>): Promise<Json | undefined> {
  return readJson(source, 'tokenizer.json');
}

/**
 * The tokenizer of tokenizer.json as llama.cpp's loader reads it (its src/llama-vocab.cpp): byte-level BPE as `gpt2`,
 * with its merges and the name of its pre-tokenizer, BPE over characters with byte tokens as `llama`, with scores by
 * which it merges in the same order.
 *
 * Throws EXPORT_UNSUPPORTED for any other tokenizer, and for none: llama.cpp runs no model without one.
 *
 * @param tokenizer as `readTokenizer` returns it
 * @param vocabulary rows of the embedding, at least as many as tokens
 */
export async function describeTokenizer(
  source: Source,
  tokenizer: Json | undefined,
  vocabulary: number,
): Promise<Record<string, GgufValue>> {
  if (tokenizer === undefined) {
    const found = (await source.readSource('tokenizer.model')) === undefined ? '' : ', only a tokenizer.model';
    throw cannotHold(
      `a GGUF file needs the tokenizer, and the model has no tokenizer.json${found}`,
      'add the tokenizer.json of its makers, or save it with transformers, or take the exporter hf',
    );
  }
  const model = entryOf(tokenizer, 'model');
  if (model['type'] !== 'BPE' || !isRecord(model['vocab']))
    throw cannotHold(
      `tokenizer.json has a model of type ${JSON.stringify(model['type'])}, and only BPE is carried over`,
    );
  const isCharacters = model['byte_fallback'] === true;
  requireKnownSteps(tokenizer, model, isCharacters ? 'characters' : 'bytes');
  const tokens = listTokens(tokenizer, model, vocabulary, isCharacters);
  const merges = listMerges(model);
  const settings = (await readJson(source, 'tokenizer_config.json')) ?? {};
  const template = await readChatTemplate(source, settings);
  return {
    'tokenizer.ggml.model': { type: 'string', value: isCharacters ? 'llama' : 'gpt2' },
    'tokenizer.ggml.pre': { type: 'string', value: isCharacters ? 'default' : namePreTokenizer(tokenizer) },
    'tokenizer.ggml.tokens': { type: 'strings', value: tokens.texts },
    'tokenizer.ggml.token_type': { type: 'int32s', value: tokens.kinds },
    ...(isCharacters
      ? {
          'tokenizer.ggml.scores': { type: 'float32s', value: scoreTokens(tokens.texts, merges) },
          'tokenizer.ggml.add_space_prefix': { type: 'bool', value: addsSpace(tokenizer) },
        }
      : { 'tokenizer.ggml.merges': { type: 'strings', value: merges.map(([left, right]) => `${left} ${right}`) } }),
    ...describeSpecialTokens(source.config, tokenizer, settings, tokens.texts),
    ...(template === undefined ? {} : { 'tokenizer.chat_template': { type: 'string', value: template } }),
  };
}

/**
 * What llama.cpp does otherwise with texts than tokenizer.json, one sentence each. It puts a space before a text and after
 * each special token, or nowhere (src/llama-vocab.cpp, `add_space_prefix`); Metaspace puts none where one is, and with
 * `first` none after special tokens (tokenizers, pre_tokenizers/metaspace.rs).
 */
export function listTokenizerNotes(tokenizer: Json = {}): string[] {
  if (entryOf(tokenizer, 'model')['byte_fallback'] !== true) return [];
  const known = "llama.cpp puts a space before a text and after each special token; the model's tokenizer.json";
  const schemes = new Set(listSteps(tokenizer['pre_tokenizer'], 'pretokenizers').map(schemeOf));
  if (schemes.has('first'))
    return [
      `${known} (prepend_scheme first) does so only at the start of a text, and only if none is there: what follows a special token, as in chats, and a text that begins with a space are split into other tokens`,
    ];
  return schemes.has('always')
    ? [
        `${known} (prepend_scheme always) does so only if none is there: what begins with a space is split into other tokens`,
      ]
    : [];
}

/** Where a step puts a space; older files say whether with `add_prefix_space`. */
function schemeOf({ type, prepend_scheme: scheme, add_prefix_space: adds }: Json): unknown {
  return type !== 'Metaspace' || adds === false ? 'never' : (scheme ?? 'always');
}

function listTokens(
  tokenizer: Json,
  model: Json,
  vocabulary: number,
  isCharacters: boolean,
): { readonly texts: readonly string[]; readonly kinds: readonly number[] } {
  const texts = Array.from({ length: vocabulary }, (_, id) => `[PAD${id}]`);
  const kinds = Array.from({ length: vocabulary }, (): number => KINDS.unused);
  const set = (id: unknown, text: string, kind: number): void => {
    if (typeof id !== 'number' || !(id < vocabulary))
      throw cannotHold(`tokenizer.json has the token ${JSON.stringify(text)} at ${String(id)}, beyond the embedding`);
    texts[id] = text;
    kinds[id] = kind;
  };
  for (const [text, id] of Object.entries(model['vocab'] as Json))
    set(id, text, isCharacters && BYTE_TOKEN.test(text) ? KINDS.byte : KINDS.normal);
  for (const added of listRecords(tokenizer['added_tokens'])) {
    const text = String(added['content']);
    const isUnknown = isCharacters && text === model['unk_token'];
    set(added['id'], text, isUnknown ? KINDS.unknown : added['special'] === true ? KINDS.control : KINDS.userDefined);
  }
  requireDistinct(texts);
  return { texts, kinds };
}

/** llama.cpp ends its process over two tokens with one text (src/llama-vocab.cpp). */
function requireDistinct(texts: readonly string[]): void {
  const known = new Map<string, number>();
  for (const [id, text] of texts.entries()) {
    const earlier = known.get(text);
    if (earlier !== undefined)
      throw cannotHold(
        `tokenizer.json has the token ${JSON.stringify(text)} twice, at ${earlier} and ${id}, and llama.cpp takes it once`,
        'give one of them another text, or take the exporter hf',
      );
    known.set(text, id);
  }
}

/** Both spellings: a pair, or two texts with a space between. */
function listMerges(model: Json): (readonly [left: string, right: string])[] {
  const merges = Array.isArray(model['merges']) ? (model['merges'] as readonly unknown[]) : [];
  return merges.map((merge) => {
    const [left, right] = typeof merge === 'string' ? merge.split(' ') : (merge as readonly unknown[]);
    if (typeof left === 'string' && typeof right === 'string') return [left, right];
    throw cannotHold(`tokenizer.json has a merge that is no pair: ${JSON.stringify(merge)}`);
  });
}

/** llama.cpp merges the two neighbours whose token has the highest score: the earlier a merge, the higher. */
function scoreTokens(texts: readonly string[], merges: readonly (readonly [string, string])[]): number[] {
  const first = new Map<string, number>();
  for (const [rank, [left, right]] of merges.entries()) {
    const text = left + right;
    if (!first.has(text)) first.set(text, -rank - 1);
  }
  return texts.map((text) => first.get(text) ?? 0);
}

/** Whether a text gets a space before it. */
function addsSpace(tokenizer: Json): boolean {
  return [
    ...listSteps(tokenizer['normalizer'], 'normalizers'),
    ...listSteps(tokenizer['pre_tokenizer'], 'pretokenizers'),
  ].some((step) => step['type'] === 'Prepend' || schemeOf(step) !== 'never');
}

function describeSpecialTokens(
  config: Json,
  tokenizer: Json,
  settings: Json,
  texts: readonly string[],
): Record<string, GgufValue> {
  const described: Record<string, GgufValue> = {};
  const single = listSteps(tokenizer['post_processor'], 'processors').find(
    ({ type }) => type === 'TemplateProcessing',
  )?.['single'];
  const parts = listRecords(single);
  const added: Readonly<Record<string, unknown>> = { bos: nameSpecial(parts[0]), eos: nameSpecial(parts.at(-1)) };
  for (const [role, key] of [
    ['bos', 'bos'],
    ['eos', 'eos'],
    ['unk', 'unknown'],
    ['pad', 'padding'],
  ] as const) {
    const id = findSpecialToken(role, config, settings, texts) ?? findText(added[role], texts);
    if (id !== undefined) described[`tokenizer.ggml.${key}_token_id`] = { type: 'uint32', value: id };
  }
  described['tokenizer.ggml.add_bos_token'] = { type: 'bool', value: added['bos'] !== undefined };
  described['tokenizer.ggml.add_eos_token'] = { type: 'bool', value: added['eos'] !== undefined };
  return described;
}

/** The text of a special token that a template puts before or after a text. */
function nameSpecial(part: Json | undefined): unknown {
  return part !== undefined && 'SpecialToken' in part ? entryOf(part, 'SpecialToken')['id'] : undefined;
}

function findText(text: unknown, texts: readonly string[]): number | undefined {
  const place = typeof text === 'string' ? texts.indexOf(text) : -1;
  return place >= 0 ? place : undefined;
}

/** By tokenizer_config.json, else by config.json, whose lists begin with the usual one. */
function findSpecialToken(role: string, config: Json, settings: Json, texts: readonly string[]): number | undefined {
  const named = settings[`${role}_token`];
  const text = isRecord(named) ? named['content'] : named;
  const place = findText(text, texts);
  if (place !== undefined) return place;
  const id = config[`${role}_token_id`];
  const first: unknown = Array.isArray(id) ? id[0] : id;
  return typeof first === 'number' && first >= 0 ? first : undefined;
}

/** A file of its own comes first, as in transformers; of several templates, the default. */
async function readChatTemplate(source: Source, settings: Json): Promise<string | undefined> {
  const file = await source.readSource('chat_template.jinja');
  if (file !== undefined) return new TextDecoder().decode(file);
  const template = settings['chat_template'];
  const named = listRecords(template).find(({ name }) => name === 'default')?.['template'] ?? template;
  return typeof named === 'string' ? named : undefined;
}

async function readJson(source: Pick<Source, 'readSource'>, file: string): Promise<Json | undefined> {
  const bytes = await source.readSource(file);
  return bytes === undefined ? undefined : parseJsonObject(bytes, file);
}

function entryOf(value: Json, key: string): Json {
  const entry = value[key];
  return isRecord(entry) ? entry : {};
}
