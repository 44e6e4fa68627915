import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Text } from '../../../src/client/index.js';
import { DEMO, refusalOf, startVerbServer, type VerbServer } from '../verbs/verb-server.js';

const STORY = 'Once upon a time there was a little girl named Lily. She liked to play in the park.';
const DOCUMENTS = Array.from({ length: 8 }, () => STORY);

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
  await mkdir(verbs.path('texts'), { recursive: true });
});
afterAll(() => verbs[Symbol.asyncDispose]());

const evaluate = async (source: NonNullable<Text['source']>, field?: string) => {
  const [result] = await verbs.client.runEvaluate({
    model: DEMO,
    measurement: { text: { source, ...(field === undefined ? {} : { field }) }, windows: { window: 32 } },
  });
  return { text: result?.measurement?.textDigest, perplexity: result?.metrics['perplexity'] };
};
const evaluateFile = async (name: string, content: string | Uint8Array, field?: string) => {
  await writeFile(verbs.path('texts', name), content);
  return evaluate({ $case: 'path', value: name }, field);
};

describe('a text file', () => {
  it('measures to the same number in every form that holds the same text', async () => {
    const plain = await evaluateFile('plain.txt', DOCUMENTS.join('\n\n'));
    expect(plain.perplexity).toBeGreaterThan(1);
    expect(
      await evaluateFile('lines.JSONL', DOCUMENTS.map((text) => JSON.stringify({ text, source: 'x' })).join('\n')),
    ).toEqual(plain);
    expect(await evaluateFile('array.JSON', `\uFEFF${JSON.stringify(DOCUMENTS)}`)).toEqual(plain);
    const objects = DOCUMENTS.map((text, id) => ({ id, story: text }));
    expect(await evaluateFile('objects.json', JSON.stringify(objects), 'story')).toEqual(plain);
    expect(await evaluateFile('lines.ndjson', objects.map((row) => JSON.stringify(row)).join('\n'), 'story')).toEqual(
      plain,
    );
    const rows = objects.map(({ id, story }) => `${id},"${story}"\r\n`);
    expect(await evaluateFile('rows.csv', ['id,story\r\n', ...rows].join(''), 'story')).toEqual(plain);
    expect(await evaluateFile('marked.txt', `\uFEFF${DOCUMENTS.join('\n\n')}`)).toEqual(plain);
    expect(await evaluate({ $case: 'inline', value: `\uFEFF${DOCUMENTS.join('\n\n')}` })).toEqual(plain);
  });

  it.each([
    [
      'UTF-16',
      'utf16.txt',
      Buffer.from(`\uFEFF${STORY}`, 'utf16le'),
      'offset 0, 0xff, belongs to no character; it looks like UTF-16',
    ],
    [
      'JSON lines without a text',
      'other.jsonl',
      `{"text": "${STORY}"}\n{"content": "${STORY}"}`,
      'line 2 has none, but `content`',
    ],
    ['a JSON object', 'object.json', `{"text": "${STORY}"}`, 'this file is an object'],
    [
      'Latin-1',
      'latin.txt',
      Buffer.from(`${STORY}\ncaf\u00e9\n`, 'latin1'),
      `in line 2 the byte at offset ${STORY.length + 1 + 3}, 0xe9`,
    ],
    [
      'broken JSON lines',
      'broken.jsonl',
      `{"text": "${STORY}"}\n{"text": "${STORY}\n`,
      `line 2 is not JSON: column ${10 + STORY.length + 1}`,
    ],
    ['a broken JSON array', 'broken.json', `["${STORY}",\n"${STORY}"\n"${STORY}"]`, 'line 3 is not JSON: column 1'],
    ['Parquet by name alone', 'name.parquet', STORY, 'PAR1'],
  ])('that is %s is refused with file and line, and no number comes of it', async (_, name, content, words) => {
    const { message, ...refusal } = await refusalOf(verbs, () => evaluateFile(name, content));
    expect(refusal).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      fields: ['measurement.text.path'],
    });
    expect(message).toContain(`"${name}": `);
    expect(message).toContain(words);
  });

  it.each([
    ['a CSV file without the named column', 'other.csv', `id,text\n1,"${STORY}"\n`, 'no column `story`'],
    ['a CSV row with too many fields', 'many.csv', `id,story\n1,"${STORY}"\n2,${STORY},3\n`, 'line 3 has 3 fields'],
    ['a CSV row with too few', 'few.csv', `id,story\n1\n`, 'line 2 has 1 fields'],
    ['an open quotation mark', 'open.csv', `id,story\n1,"${STORY}\n2,b\n`, 'line 2 is no row of CSV'],
    ['an empty CSV file', 'empty.csv', '', 'is empty'],
    ['an object without the named field', 'none.jsonl', `{"story": "a"}\n{"text": "b"}`, 'line 2 has none, but `text`'],
    ['plain text', 'plain.txt', STORY, 'plain text'],
  ])('of which a field is read refuses %s with file and line', async (_, name, content, words) => {
    const { message, ...refusal } = await refusalOf(verbs, () => evaluateFile(name, content, 'story'));
    expect(refusal).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['measurement.text.path'] });
    expect(message).toContain(`"${name}": `);
    expect(message).toContain(words);
  });

  it('that is empty is too short', async () => {
    for (const [name, content] of [
      ['empty.txt', ''],
      ['empty.jsonl', '\n'],
      ['empty.json', '[]'],
    ] as const)
      expect(await refusalOf(verbs, () => evaluateFile(name, content))).toMatchObject({ reason: 'TEXT_TOO_SHORT' });
  });

  it('of Parquet, as the hub has it, measures to the same number as its text', async () => {
    const rows = await readFile(join(import.meta.dirname, '../../fixtures/parquet/wikitext.parquet'));
    const text = await readFile(join(import.meta.dirname, '../../fixtures/parquet/wikitext.txt'), 'utf8');
    expect(await evaluateFile('wikitext.parquet', rows)).toEqual(await evaluateFile('wikitext.txt', text));
  });

  it('alone has a field', async () => {
    expect(await refusalOf(verbs, () => evaluate({ $case: 'inline', value: STORY }, 'story'))).toMatchObject({
      reason: 'INVALID_REQUEST',
      fields: ['measurement.text.field'],
    });
  });

  it('with a NUL is refused inline too, since it is UTF-16 that was taken for UTF-8', async () => {
    const value = Buffer.from(STORY, 'utf16le').toString();
    expect(await refusalOf(verbs, () => evaluate({ $case: 'inline', value }))).toMatchObject({
      reason: 'INVALID_REQUEST',
      fields: ['measurement.text.inline'],
      message: expect.stringContaining('character 2') as string,
    });
  });
});
