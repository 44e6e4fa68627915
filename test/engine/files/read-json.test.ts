import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findJsonError } from '../../../src/engine/files/find-json-error.js';
import { MAX_DEPTH, parseJsonObject } from '../../../src/engine/files/read-json.js';

const FILE = 'config.json';

const parse = (text: string): Record<string, unknown> => parseJsonObject(new TextEncoder().encode(text), FILE);

const nest = (levels: number): string => `{"a": ${'['.repeat(levels)}${']'.repeat(levels)}}`;

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('parseJsonObject', () => {
  it('reads UTF-8 with a byte order mark and without', () => {
    expect(parse('\uFEFF{"a": "é"}')).toEqual({ a: 'é' });
    expect(parse('{"a": "é"}')).toEqual({ a: 'é' });
  });

  it('reads the NaN and Infinity that Python writes, and leaves strings that look like them alone', () => {
    expect(
      parse('{"a": NaN, "b": [0.0, Infinity, -Infinity], "NaN": "x NaN, \\" Infinity", "c": "\\\\", "d": -1.5}'),
    ).toEqual({
      a: NaN,
      b: [0, Infinity, -Infinity],
      NaN: 'x NaN, " Infinity',
      c: '\\',
      d: -1.5,
    });
  });

  it.each([
    ['a comma before the end', '{\n  "a": 1,\n}', 3, 1, '}'],
    ['a comment', '{\n  "a": 1 // one\n}', 2, 10, '/'],
    ['single quotes', "{'a': 1}", 1, 2, "'"],
    ['a missing comma', '{"a": 1 "b": 2}', 1, 9, '"'],
    ['a missing colon', '{"a" 1}', 1, 6, '1'],
    ['True of Python', '{"a": True}', 1, 7, 'T'],
    ['a second value', '{"a": 1}\n{"b": 2}', 2, 1, '{'],
    ['a line break within a string', '{"a": "x\ny"}', 1, 9, '\n'],
    ['an escape that is none', String.raw`{"a": "\q"}`, 1, 9, 'q'],
    ['a number that begins with 0', '{"a": 01}', 1, 8, '1'],
    ['beside NaN', '{"a": NaN,, "b": 1}', 1, 11, ','],
  ])('gives the line and column of %s', (_, text, line, column, found) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({
        reason: 'MODEL_MALFORMED',
        message: `${FILE}: is not JSON: line ${line}, column ${column}: ${JSON.stringify(found)} is not allowed there`,
      }),
    );
  });

  it.each([
    ['{', 1, 2],
    ['{"a": [1,\n 2', 2, 3],
    ['{"a": "x', 1, 9],
    ['', 1, 1],
  ])('says that %j ends too early, and where', (text, line, column) => {
    expect(() => parse(text)).toThrow(`line ${line}, column ${column}: it ends too early`);
  });

  it.each([
    [
      'a Git LFS pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
      /is a Git LFS pointer.*git lfs pull/,
    ],
    ['a web page', '<!DOCTYPE html><html>', /is a web page.*hf download/],
    ['UTF-16 with a byte order mark', Buffer.from('\uFEFF{"a": 1}', 'utf16le'), /is in UTF-16: iconv/],
    ['UTF-16 without one', Buffer.from('{"a": 1}', 'utf16le'), /is in UTF-16: iconv/],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0]), /is compressed: gunzip/],
    ['Latin-1', Buffer.from('{"a": "\xe9"}', 'latin1'), /is not in UTF-8/],
    ['an array', '[1]', /must hold a JSON object, not \[1\]/],
    ['a number', '1', /must hold a JSON object, not 1/],
  ])('says that a file is %s', (_, content, message) => {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    expect(() => parseJsonObject(bytes, FILE)).toThrow(
      expect.objectContaining({ reason: 'MODEL_MALFORMED', message: expect.stringMatching(message) }),
    );
  });

  it('reads nesting up to its limit and refuses one level more, and a hundred thousand', () => {
    expect(parse(nest(MAX_DEPTH))).toHaveProperty('a');
    for (const levels of [MAX_DEPTH + 1, 100_000])
      expect(() => parse(nest(levels))).toThrow(`is nested deeper than ${MAX_DEPTH} levels`);
  });
});

describe('findJsonError', () => {
  it('finds no error in what JSON.parse accepts, and one in what it refuses', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', '"', ',', '}', ']', '\\', '0', ' ', 'e', '\n'),
        (text, place, inserted) => {
          const at = place % (text.length + 1);
          const changed = text.slice(0, at) + inserted + text.slice(at);
          expect(findJsonError(changed) === undefined).toBe(parses(changed));
        },
      ),
      { numRuns: 2000 },
    );
  });
});
