import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Documents, type DeepPartial, type Text } from '../../../src/client/index.js';
import { DEMO, refusalOf, startVerbServer, type VerbServer } from '../verbs/verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
  await mkdir(verbs.path('texts', 'mmlu', 'dev'), { recursive: true });
  await mkdir(verbs.path('texts', 'mmlu', 'test'), { recursive: true });
  const question = 'What is big?,a ball,the sun,a dog,Lily,B\n';
  await writeFile(verbs.path('texts', 'mmlu', 'dev', 'size_dev.csv'), question.repeat(5));
});
afterAll(() => verbs[Symbol.asyncDispose]());

const refuse = (text: DeepPartial<Text>) =>
  refusalOf(verbs, () => verbs.client.runEvaluate({ model: DEMO, measurement: { evaluator: { id: 'mmlu' }, text } }));
const folder = { source: { $case: 'path', value: 'mmlu' } } as const;

describe('a data set of rows', () => {
  it.each([
    ['not UTF-8', Buffer.from('caf\u00e9?,a,b,c,d,A\n', 'latin1'), 'in line 1 the byte at offset 3, 0xe9'],
    ['empty', '', 'is empty'],
    ['of a wrong number of columns', 'What?,a,b,c,d,A\nWho?,a,b,c,A\n', 'line 2'],
    ['of a quotation mark that never ends', 'What?,a,b,c,d,A\n"Who?,a,b,c,d,A\n', 'line 2 is no row of CSV'],
  ])('with a file that is %s is refused with file and line', async (_, content, words) => {
    await writeFile(verbs.path('texts', 'mmlu', 'test', 'size_test.csv'), content);
    const refusal = await refuse(folder);
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' });
    expect(refusal.fields.every((field) => field.startsWith('measurement.text'))).toBe(true);
    expect(refusal.message).toContain('test/size_test.csv');
    expect(refusal.message).toContain(words);
  });

  it('is no text: what says how a text is read is refused, and so is inline text', async () => {
    expect(await refuse({ ...folder, field: 'question' })).toMatchObject({ fields: ['measurement.text.field'] });
    expect(await refuse({ ...folder, documents: Documents.APART })).toMatchObject({
      fields: ['measurement.text.documents'],
    });
    expect(await refuse({ source: { $case: 'inline', value: 'What?' } })).toMatchObject({
      fields: ['measurement.text'],
      reason: 'INVALID_REQUEST',
    });
  });
});
