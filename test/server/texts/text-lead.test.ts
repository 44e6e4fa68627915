import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TextFile } from '../../../src/engine/tokenizer/tokenizer.js';
import { Text } from '../../../src/gen/prunecast/v1/common.js';
import type { OpenModel } from '../../../src/server/models/open-models.js';
import { createTextSource, type TextSource } from '../../../src/server/texts/text-source.js';
import { makeFolder } from '../../support/test-server.js';

const MIB = 2 ** 20;

let folder: string;
let texts: TextSource;
/** What tokenizers were given. */
let given: Pick<TextFile, 'bytes' | 'extent'>[];
beforeEach(async () => {
  folder = await makeFolder();
  given = [];
  texts = createTextSource(
    { dataRoots: [folder], dataLinks: 'within-roots', memoryBudgetBytes: 2 ** 30 },
    { wholeBytes: MIB },
  );
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A model with a tokenizer that makes a token of so many bytes. */
function createModel(bytesPerToken: number): OpenModel {
  return {
    name: 'm',
    language: { checkpoint: { config: {} }, shape: { vocabulary: 10 } },
    tokenizer: {
      digest: `of ${bytesPerToken} bytes`,
      tokenize: ({ bytes, extent }: TextFile) => {
        given.push({ bytes, extent });
        return Promise.resolve({ tokens: new Int32Array(Math.floor(bytes / bytesPerToken)) });
      },
    },
  } as unknown as OpenModel;
}

const load = async (name: string, model: OpenModel, tokens?: number) =>
  texts.load(Text.fromPartial({ source: { $case: 'path', value: name } }), model, 'text', { tokens });

describe('a long text of which few tokens are asked for', () => {
  it('is read in a first part, which its digest covers, and which is tokenized once', async () => {
    await writeFile(join(folder, 'long.txt'), Buffer.alloc(3 * MIB, 'a'));
    const model = createModel(4);
    const lead = await load('long.txt', model, 512);
    expect(lead.tokens).toHaveLength(MIB / 4);
    expect((await load('long.txt', model, 60_000)).digest).toBe(lead.digest);
    expect(given).toEqual([{ bytes: MIB, extent: 'lead' }]);
    const whole = await load('long.txt', model);
    expect(whole.tokens).toHaveLength((3 * MIB) / 4);
    expect(whole.digest).not.toBe(lead.digest);
  });

  it('is read on, a step at a time, until there are enough tokens', async () => {
    await writeFile(join(folder, 'long.txt'), Buffer.alloc(9 * MIB, 'a'));
    const text = await load('long.txt', createModel(1024), 2000);
    expect(text.tokens).toHaveLength(4 * 1024);
    expect(given).toEqual([
      { extent: 'lead', bytes: MIB },
      { extent: 'lead', bytes: 4 * MIB },
    ]);
  });

  it('is read as a whole if it is short, is a JSON array, or has longer tokens than other texts', async () => {
    const whole = { extent: 'whole' };
    await writeFile(join(folder, 'short.txt'), Buffer.alloc(MIB, 'a'));
    await load('short.txt', createModel(4), 512);
    await writeFile(join(folder, 'array.json'), Buffer.alloc(3 * MIB, 'a'));
    await load('array.json', createModel(4), 512);
    expect(given).toEqual([
      { ...whole, bytes: MIB },
      { ...whole, bytes: 3 * MIB },
    ]);
    given = [];
    await writeFile(join(folder, 'long.txt'), Buffer.alloc(3 * MIB, 'a'));
    const text = await load('long.txt', createModel(1024), 2000);
    expect(text.tokens).toHaveLength(3 * 1024);
    expect(given).toEqual([
      { extent: 'lead', bytes: MIB },
      { ...whole, bytes: 3 * MIB },
    ]);
  });
});
