import { describe, expect, it } from 'vitest';
import { createProgressDisplay } from '../../src/cli/output/progress.js';
import { widthOf, wrapLines } from '../../src/cli/output/wrap-lines.js';
import { runCli } from './run-cli.js';

const SENTENCE = 'memory up to about 1.2 GiB, of which the server itself takes 256.6 MiB; disk about 812.5 KiB';
const COMMAND = 'prunecast search --model models/llama --text texts/stories.txt --remove 20% --output out/winner';

describe('prose on a terminal', () => {
  it('is broken between words, further lines two columns in, and no word is lost', () => {
    expect(wrapLines([SENTENCE], 60)).toEqual([
      'memory up to about 1.2 GiB, of which the server itself takes',
      '  256.6 MiB; disk about 812.5 KiB',
    ]);
    for (let width = 20; width < 100; width += 1) {
      const lines = wrapLines([`  ${SENTENCE}`], width);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
      expect(lines.map((line) => line.trim()).join(' ')).toBe(SENTENCE);
    }
  });

  it('keeps commands and documents as they are, and what stands in quotes or backticks in one piece', () => {
    expect(wrapLines([{ verbatim: `  ${COMMAND}` }, 'short'], 40)).toEqual([`  ${COMMAND}`, 'short']);
    const folder = '"/home/ann/my models/a model with a long name"';
    expect(wrapLines([`no folder ${folder} was found, see \`prunecast doctor --json\` for more`], 30)).toEqual([
      'no folder',
      `  ${folder}`,
      '  was found, see',
      '  `prunecast doctor --json`',
      '  for more',
    ]);
  });

  it('may have further lines below a column, and keeps the lines that a text has', () => {
    expect(wrapLines([{ text: 'ok    disk  8.1 GiB are free of all', column: 12 }, 'a\n  b'], 28)).toEqual([
      'ok    disk  8.1 GiB are free',
      '            of all',
      'a',
      '  b',
    ]);
  });

  it('fits a terminal that does not say how wide it is on 80 columns, and is not broken elsewhere', () => {
    expect([{ isTTY: true, columns: 120 }, { isTTY: true, columns: 0 }, { isTTY: true }, {}].map(widthOf)).toEqual([
      120,
      80,
      80,
      undefined,
    ]);
    expect(wrapLines([SENTENCE], undefined)).toEqual([SENTENCE]);
  });

  it('is broken in notes between the progress too, which a file gets whole', () => {
    const written = (stream: { readonly isTTY: boolean; readonly columns?: number }) => {
      let text = '';
      createProgressDisplay({ ...stream, write: (part) => (text += part) }).note(SENTENCE);
      return text;
    };
    expect(written({ isTTY: true, columns: 60 })).toBe(`${wrapLines([SENTENCE], 60).join('\n')}\n`);
    expect(written({ isTTY: false })).toBe(`${SENTENCE}\n`);
  });

  it('of every help fits 80 columns, as the lists of flags do', async () => {
    const { stdout } = await runCli(['--help']);
    expect(stdout).toContain('Exit codes');
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });
});
