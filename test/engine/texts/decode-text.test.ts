import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatOfText, joinDocuments, readDocuments } from '../../../src/engine/texts/decode-text.js';
import type { TextFormat } from '../../../src/engine/texts/text-format.js';
import { findBadByte } from '../../../src/engine/texts/find-bad-byte.js';

const BOM = Uint8Array.of(0xef, 0xbb, 0xbf);
const story = 'Once upon a time there was a café.\n';
const utf16be = (text: string) => Buffer.from(text, 'utf16le').swap16();
const decodeText = async (bytes: Uint8Array, format: TextFormat, field?: string): Promise<string> =>
  joinDocuments(await readDocuments(new Uint8Array(bytes), format, field));
const refusal = (bytes: Uint8Array, format: TextFormat = 'plain', field?: string): Promise<string> =>
  decodeText(bytes, format, field).then(
    (text) => `not refused: ${text}`,
    (error: unknown) => {
      expect(error).toMatchObject({ reason: 'INVALID_REQUEST' });
      return String(error);
    },
  );
const lines = (...values: readonly unknown[]) =>
  Buffer.from(values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join('\n'));

function isWhole(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

describe('a text that is not UTF-8', () => {
  it.each([
    [
      'UTF-16 with a byte order mark',
      Buffer.concat([Uint8Array.of(0xff, 0xfe), Buffer.from(story, 'utf16le')]),
      'offset 0, 0xff',
      'UTF-16',
    ],
    [
      'UTF-16 of the other order',
      Buffer.concat([Uint8Array.of(0xfe, 0xff), utf16be(story)]),
      'offset 0, 0xfe',
      'UTF-16',
    ],
    [
      'UTF-16 without a mark, in ASCII alone',
      Buffer.from('Once upon a time', 'utf16le'),
      'NUL at offset 1',
      'UTF-16LE',
    ],
    ['UTF-16 of the other order without a mark', utf16be('Once upon a time'), 'NUL at offset 0', 'UTF-16BE'],
    ['Latin-1', Buffer.from(story, 'latin1'), 'offset 32, 0xe9', 'Latin-1'],
    ['gzip', gzipSync(story), 'offset 1, 0x8b', 'gunzip'],
    ['Zstandard', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 4), 'offset 1, 0xb5', 'unzstd'],
    ['Parquet', Buffer.concat([Buffer.from('PAR1'), Uint8Array.of(21, 0, 21, 0xff)]), 'offset 7, 0xff', '.parquet'],
    [
      'a zip archive, whose first bytes are all ASCII',
      Buffer.from('PK\u0003\u0004\u0014\0'),
      'NUL at offset 5',
      'unzip',
    ],
    ['other bytes', Uint8Array.of(65, 1, 2, 0x80), 'offset 3, 0x80', 'no text'],
    ['a text cut within a character', Buffer.from(story).subarray(0, 33), 'offset 32, 0xc3', 'Latin-1'],
  ])('is refused with the first bad byte and what the file looks like: %s', async (_, bytes, position, remedy) => {
    const message = await refusal(bytes);
    expect(message).toContain(position);
    expect(message).toContain(remedy);
  });

  it('is refused at the first byte after which it is no longer UTF-8', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.constantFrom(0xc1, 0xe0, 0xed, 0xf0, 0xf4, 0xf5, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf),
            fc.nat(255),
          ),
          { maxLength: 12 },
        ),
        (list) => {
          const bytes = Uint8Array.from(list);
          const bad = findBadByte(bytes);
          expect(bad === undefined).toBe(isWhole(bytes));
          if (bad === undefined) return;
          expect(isWhole(bytes.subarray(0, bad))).toBe(true);
          // No character starts there, whatever its length.
          expect(
            [1, 2, 3, 4].some((length) => bad + length <= bytes.length && isWhole(bytes.subarray(bad, bad + length))),
          ).toBe(false);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('a text', () => {
  it('is its bytes without the byte order mark', async () => {
    expect(await decodeText(Buffer.from(story), 'plain')).toBe(story);
    expect(await decodeText(Buffer.concat([BOM, Buffer.from(`${story}\uFEFF`)]), 'plain')).toBe(`${story}\uFEFF`);
    expect(await decodeText(new Uint8Array(), 'plain')).toBe('');
  });

  it.each([
    ['a.json', 'json'],
    ['a.JSON', 'json'],
    ['a.jsonl', 'json-lines'],
    ['b/A.JSONL', 'json-lines'],
    ['a.ndjson', 'json-lines'],
    ['a.json.txt', 'plain'],
    ['json', 'plain'],
    ['a.jsonl/b', 'plain'],
    ['a.csv', 'plain'],
    ['a.Parquet', 'parquet'],
  ])('in %s is taken as %s', (path, format) => {
    expect(formatOfText(path, undefined)).toBe(format);
  });

  it('of a JSON array has its strings joined by a blank line', async () => {
    expect(await decodeText(Buffer.concat([BOM, Buffer.from('["One.", "Two\\n", "\\u0000"]')]), 'json')).toBe(
      'One.\n\nTwo\n\n\n\0',
    );
    expect(await decodeText(Buffer.from('["One.", {"text": "Two."}]'), 'json')).toBe('One.\n\nTwo.');
    expect(await refusal(Buffer.from('["One.",\n {"story": "Two."}]'), 'json')).toContain(
      'entry 2 (line 2) has none, but `story`',
    );
    expect(await refusal(Buffer.from('["One.", 2]'), 'json')).toContain('entry 2 (line 1) is a number');
    expect(await refusal(Buffer.from('{"text": "Two."}'), 'json')).toContain('this file is an object');
    expect(await refusal(Buffer.from('["One.",'), 'json')).toContain('is not JSON');
    expect(await refusal(Buffer.from('["One.", "\\ud83d!"]'), 'json')).toContain(
      'entry 2 (line 1) has half of a surrogate pair',
    );
  });

  it('of JSON lines is the `text` of each, joined by a blank line', async () => {
    expect(
      await decodeText(
        Buffer.concat([BOM, lines({ text: 'One.' }, { id: 5, text: 'T\nwo \u{1F600}' }, '', '  ', { text: '' })]),
        'json-lines',
      ),
    ).toBe('One.\n\nT\nwo \u{1F600}\n\n');
    expect(await decodeText(Buffer.from('{"text":"a"}\r\n{"text":"b"}\r\n'), 'json-lines')).toBe('a\n\nb');
  });

  it.each([
    ['no text', { content: 'x', id: 1 }, 'line 3 has none, but `content`, `id`'],
    ['no object', ['x'], 'line 3 is an array'],
    ['another kind of text', { text: ['x'] }, 'in line 3 it is an array'],
    ['no JSON', '{"text": "a"', 'line 3 is not JSON'],
    ['half a character', '{"text": "\\udc00"}', 'line 3 has half of a surrogate pair'],
  ])('of JSON lines names a line with %s', async (_, line, words) => {
    expect(await refusal(lines({ text: 'One.' }, '', line), 'json-lines')).toContain(words);
  });

  it('is a named field of objects, and a named column of CSV', async () => {
    const objects = [{ story: 'One.', text: 'x' }, { story: 'Two.' }];
    expect(await decodeText(lines(...objects), 'json-lines', 'story')).toBe('One.\n\nTwo.');
    expect(await decodeText(Buffer.from(JSON.stringify(objects)), 'json', 'story')).toBe('One.\n\nTwo.');
    expect(formatOfText('a.csv', 'story')).toBe('csv');
    expect(await decodeText(Buffer.from('id,story\n1,"One, or\nmore."\n2,Two.\n'), 'csv', 'story')).toBe(
      'One, or\nmore.\n\nTwo.',
    );
  });

  it.each([
    ['plain', 'One.', 'plain text'],
    ['json', '["One."]', 'entry 1 (line 1) is a string'],
    ['json-lines', '{"text": "One."}', 'line 1 has none, but `text`'],
    ['json-lines', '{"story": null}', 'in line 1 it is null'],
    ['csv', 'id,text\n1,One.\n', 'no column `story` in its first row, but `id`, `text`'],
    ['csv', 'id,story\n1,"One.\n"\n2\n', 'line 4 has 1 fields, but the first row names 2 columns'],
    ['csv', 'id,story\n1,One.,1\n', 'line 2 has 3 fields'],
    ['csv', '', 'is empty'],
  ] as const)('of %s %j is refused if it has no such field', async (format, content, words) => {
    expect(await refusal(Buffer.from(content), format, 'story')).toContain(words);
  });

  it('of Parquet is its text column or a named one', async () => {
    const bytes = await readFile(join(import.meta.dirname, '../../fixtures/parquet/snappy.parquet'));
    expect(await decodeText(bytes, 'parquet')).toBe('Once upon a time.\n\n\n\nThe end.\n\nIndeed: café.');
    expect(await decodeText(bytes, 'parquet', 'question')).toBe('Was ist größer?\n\nWhich, "a" or b?\n\n');
    expect(await refusal(bytes, 'parquet', 'story')).toContain(
      'row 1 has none, but `question`, `choices`, `answer`, `score`, `text`',
    );
    expect(await refusal(bytes, 'parquet', 'score')).toContain('in row 1 it is a number');
  });
});
