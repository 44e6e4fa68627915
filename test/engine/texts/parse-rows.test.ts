import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRows } from '../../../src/engine/texts/parse-rows.js';
import { rowFormatOf, type RowFormat } from '../../../src/engine/texts/text-format.js';

const PARQUET = join(import.meta.dirname, '../../fixtures/parquet');

const toBytes = (content: string, encoding: BufferEncoding = 'utf8') => new Uint8Array(Buffer.from(content, encoding));
const parse = async (content: string, format: RowFormat) =>
  (await parseRows(toBytes(content), format)).map(({ line, values }) => [line, values]);
const refusal = (bytes: Uint8Array<ArrayBuffer>, format: RowFormat): Promise<string> =>
  parseRows(bytes, format).then(
    (rows) => `not refused: ${JSON.stringify(rows)}`,
    (error: unknown) => {
      expect(error).toMatchObject({ reason: 'INVALID_REQUEST' });
      return String(error);
    },
  );

describe('rows of CSV', () => {
  it('have their fields in order and the line that they begin on, whatever line breaks are within fields', async () => {
    expect(await parse('\uFEFFq,"a, b"\r\n"two\r\nlines","say ""é"""\r\n\r\n\r\nlast,\r\n', 'csv')).toEqual([
      [1, ['q', 'a, b']],
      [2, ['two\r\nlines', 'say "é"']],
      [6, ['last', '']],
    ]);
  });

  it('may have different numbers of fields: what is right, their reader knows', async () => {
    expect(await parse('a,b\nc\n', 'csv')).toEqual([
      [1, ['a', 'b']],
      [2, ['c']],
    ]);
  });

  it('come back as they were written by RFC 4180', async () => {
    const field = fc.string({ unit: fc.constantFrom('a', 'é', ' ', ',', '"', '\n', '\r\n', ';') });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(field, { minLength: 2, maxLength: 3 }), { minLength: 1 }), async (rows) => {
        const written = rows.map((row) => row.map((value) => `"${value.replaceAll('"', '""')}"`).join(','));
        const starts = written.map((_, index) => written.slice(0, index).join('\n').split('\n').length + (index && 1));
        expect(await parse(written.join('\n'), 'csv')).toEqual(rows.map((row, index) => [starts[index], row]));
      }),
    );
  });

  it.each([
    ['a quotation mark that is not closed', 'a,b\n\n"c\nd,e\nf,g\n', 'line 3', 'never ends'],
    ['a quotation mark within a field', 'a,b\nc"d",e\n', 'line 2', 'within a field'],
    ['text after a quoted field', 'a,b\n"two\nlines"\n"c" d,e\n', 'line 4', 'must follow'],
  ])('are refused for %s, with the line', async (_, content, ...told) => {
    const message = await refusal(toBytes(content), 'csv');
    for (const part of told) expect(message).toContain(part);
  });
});

describe('rows of JSON', () => {
  it('of JSON lines are its objects, empty lines left out', async () => {
    expect(await parse('{"a":1}\n\n  \n{"b":[2]}\r\n', 'json-lines')).toEqual([
      [1, { a: 1 }],
      [4, { b: [2] }],
    ]);
  });

  it('of an array have the line that each begins on', async () => {
    expect(await parse('\n[ {"a": "]},\\"\\n["}, {"b":\n[{"c": 1},\n2]}\n,\n\n{"d": {}}]', 'json')).toEqual([
      [2, { a: ']},"\n[' }],
      [2, { b: [{ c: 1 }, 2] }],
      [7, { d: {} }],
    ]);
  });

  it.each([
    ['json-lines', '{"a":1}\n{"a":}\n', ['line 2', 'column 6']],
    ['json-lines', '{"a":1}\n{"a":', ['line 2', 'too early']],
    ['json-lines', '{"a":1}\n\n["a"]', ['line 3', 'an array']],
    ['json-lines', '{"a":NaN}', ['line 1', 'NaN']],
    ['json', '[{"a":1},\n{"a":1},\n{a:1}]', ['line 3', 'column 2', '"a"']],
    ['json', '[{"a":1},\n{"a":1},\n\n7]', ['line 4', 'a number']],
    ['json', '{"a":1}', ['array', 'an object']],
    ['json', '[]', ['no rows']],
    ['json-lines', '\n\n', ['no rows']],
    ['csv', '\n', ['no rows']],
    ['csv', '', ['is empty']],
    ['parquet', '', ['is empty']],
  ] as const)('of %s %j are refused with what is wrong and where', async (format, content, told) => {
    const message = await refusal(toBytes(content), format);
    for (const part of told) expect(message).toContain(part);
  });

  it.each(['csv', 'json', 'json-lines'] as const)('of %s are refused if they are not UTF-8', async (format) => {
    const message = await refusal(toBytes('"a"\n"caf\u00e9"\n', 'latin1'), format);
    expect(message).toMatch(/line 2\b.*0xe9.*Latin-1/);
  });
});

describe('rows of Parquet', () => {
  const rows = [
    { question: 'Was ist größer?', choices: ['eins', 'zwei'], answer: 1, score: 0.5, text: 'Once upon a time.' },
    { question: 'Which, "a" or b?', choices: ['a', 'b'], answer: 0, score: 1.25, text: '' },
    { question: '', choices: [], answer: null, score: -3, text: 'The end.\n\nIndeed: café.' },
  ];

  it.each(['none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4', 'groups'])(
    'that pyarrow wrote as %s are its columns by name, with plain numbers',
    async (name) => {
      const bytes = new Uint8Array(await readFile(join(PARQUET, `${name}.parquet`)));
      expect(await parseRows(bytes, 'parquet')).toEqual(rows.map((values, index) => ({ line: index + 1, values })));
    },
  );

  it('are refused if the file is another or was cut', async () => {
    const bytes = new Uint8Array(await readFile(join(PARQUET, 'snappy.parquet')));
    expect(await refusal(bytes.slice(0, -9), 'parquet')).toContain('PAR1');
    expect(await refusal(toBytes('{"a":1}\n{"a":1}\n'), 'parquet')).toContain('PAR1');
    const zeroed = bytes.slice().fill(0, 4, bytes.length - 8);
    expect(await refusal(zeroed, 'parquet')).toContain('cannot be read as Parquet');
  });
});

describe('the format of a file', () => {
  it('is what its name ends with', () => {
    expect(['a.CSV', 'b.parquet', 'c.ndjson', 'd.jsonl', 'e.json', 'f.txt', 'csv', 'g.raw'].map(rowFormatOf)).toEqual([
      'csv',
      'parquet',
      'json-lines',
      'json-lines',
      'json',
      undefined,
      undefined,
      undefined,
    ]);
  });
});
