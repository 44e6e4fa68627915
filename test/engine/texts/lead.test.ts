import { describe, expect, it } from 'vitest';
import { countLeadBytes, cutAtLine, WHOLE_TEXT_BYTES } from '../../../src/engine/texts/lead.js';

const MIB = 2 ** 20;

const cut = (text: string, bytes: number) =>
  new TextDecoder('utf-8', { fatal: true }).decode(cutAtLine(Buffer.from(text).subarray(0, bytes)));

describe('how much of a text is read', () => {
  it('is all of it if it is short, or if all of its tokens are asked for', () => {
    expect(countLeadBytes(WHOLE_TEXT_BYTES, 512)).toBe(WHOLE_TEXT_BYTES);
    expect(countLeadBytes(500 * MIB, undefined)).toBe(500 * MIB);
  });

  it('grows in steps with what is asked for, so that requests of a kind see the same text', () => {
    expect(countLeadBytes(500 * MIB, 512)).toBe(MIB);
    expect(countLeadBytes(500 * MIB, 65_536)).toBe(MIB);
    expect(countLeadBytes(500 * MIB, 65_537)).toBe(4 * MIB);
    expect(countLeadBytes(500 * MIB, 1_000_000)).toBe(16 * MIB);
    expect(countLeadBytes(5 * MIB, 1_000_000)).toBe(5 * MIB);
    expect(countLeadBytes(500 * MIB, Infinity)).toBe(500 * MIB);
  });

  it('is the next step after one that had too few tokens', () => {
    expect(countLeadBytes(500 * MIB, 512, { beyond: MIB })).toBe(4 * MIB);
    expect(countLeadBytes(500 * MIB, 512, { beyond: 256 * MIB })).toBe(500 * MIB);
  });
});

describe('a first part of a text', () => {
  it('ends with a line', () => {
    expect(cut('one\ntwo\nthree', 10)).toBe('one\ntwo\n');
  });

  it('ends between two characters if it has no line', () => {
    for (let bytes = 0; bytes <= 12; bytes++) expect('aé€😀b').toContain(cut('aé€😀b', bytes));
    expect(cut('aé€😀b', 9)).toBe('aé€');
  });
});
