import { mkdir, writeFile } from 'node:fs/promises';
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

const evaluate = async (source: NonNullable<Text['source']>) => {
  const [result] = await verbs.client.runEvaluate({
    model: DEMO,
    measurement: { text: { source }, windows: { window: 32 } },
  });
  return { text: result?.measurement?.textDigest, perplexity: result?.metrics['perplexity'] };
};
const evaluateFile = async (name: string, content: string | Uint8Array) => {
  await writeFile(verbs.path('texts', name), content);
  return evaluate({ $case: 'path', value: name });
};

describe('a text file', () => {
  it('measures to the same number in every form that holds the same text', async () => {
    const plain = await evaluateFile('plain.txt', DOCUMENTS.join('\n\n'));
    expect(plain.perplexity).toBeGreaterThan(1);
    expect(
      await evaluateFile('lines.JSONL', DOCUMENTS.map((text) => JSON.stringify({ text, source: 'x' })).join('\n')),
    ).toEqual(plain);
    expect(await evaluateFile('array.JSON', `\uFEFF${JSON.stringify(DOCUMENTS)}`)).toEqual(plain);
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
  ])('that is %s is refused, and no number comes of it', async (_, name, content, words) => {
    expect(await refusalOf(verbs, () => evaluateFile(name, content))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      fields: ['measurement.text.path'],
      message: expect.stringContaining(words) as string,
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
