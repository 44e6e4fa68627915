import type { JsonObject } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SEARCH_FLAGS } from '../../src/flags/search.js';
import { writeFlags } from '../../src/flags/write-flags.js';
import type { JsonObject as RequestJson } from '../../src/flags/request-flag.js';
import { startFakeApi, type FakeApi } from '../cli/fake-api.js';

const FLAGS = SEARCH_FLAGS.flatMap(({ flags }) => flags);

const words = (line: string) => line.split(/\s+/);

let api: FakeApi;
beforeAll(async () => {
  api = await startFakeApi();
});
afterAll(() => api.close());

/** The request that a server gets for a command line. */
async function request(...args: readonly string[]): Promise<JsonObject> {
  const { sent, error } = await api.run(['search', '--model', 'm', '--address', api.address, ...args]);
  if (sent[0] === undefined) throw error;
  const { request_id: _, ...others } = sent[0].request;
  return others;
}

/** The words that make a request again. */
function write(json: JsonObject): string[] | undefined {
  return writeFlags(FLAGS, json as RequestJson)?.flatMap(({ name, argument }) =>
    argument === undefined ? [name] : [name, argument],
  );
}

describe('the flags of a stored request', () => {
  it.each([
    ['a budget', ['--remove', '20%']],
    [
      'budgets of several kinds, and the bytes of their numbers',
      ['--remove', 'kv-cache-bytes-per-token=50%', '--at-most', 'weight-bytes=200M', '--bytes-per-number', '1'],
    ],
    [
      'objectives, weights and limits',
      ['--remove', '20%', '--objective', 'parameters', '--objective', 'perplexity=2', '--limit', 'accuracy=0.4'],
    ],
    [
      'texts by path, and short ones',
      ['--remove', '20%', '--text', 'a b.txt', '--search-text', "@it's 5 o'clock", '--report-text', '@@x'],
    ],
    [
      'the field of a text and what else it is read by',
      words('--remove 20% --text a.jsonl --text-field story --documents apart --windows-preset document-wise'),
    ],
    [
      'a field of each text',
      words(
        '--remove 20% --search-text a.jsonl --search-text-field story --verify-text b.csv --verify-text-field 0 --calibration c.jsonl --calibration-field body --recovery distill --recovery-text d.jsonl --recovery-text-field body',
      ),
    ],
    [
      'plug-ins and options of all types',
      words(
        `--remove 20% --predictor ridge --predictor-option lambda=0.1 --predictor-option deep={"a":[1,"2"]}
        --predictor-option text=0x --criterion wanda --strategy-option quoted="1" --exporter-option on=true`,
      ),
    ],
    ['what the shapes are made for', words('--remove 20% --target uniform --target gguf --target-option type=q8_0')],
    ['one exporter', words('--remove 20% --exporter gguf --exporter-option type=q8_0 --output o')],
    [
      'several exporters, named and by their ids, with options of each',
      words(
        `--remove 20% --exporter hf --exporter q8=gguf --exporter q4=gguf --exporter-option hf.dtype=float16
        --exporter-option q8.type=q8_0 --exporter-option q4.type=q4_0 --output o`,
      ),
    ],
    [
      'the space, with no layer protected',
      ['--remove', '20%', '--protect', 'none', '--kinds', 'ffn-channels,query-heads-per-kv', '--rate-step', '12.5%'],
    ],
    [
      'counts, names, switches and seeds',
      words(
        `--remove 20% --pairs 50 --pair-tokens 2k --verify-tokens 2048,16384 --bos --no-refine
        --controls uniform-paper,paper-recipe/uniform-best --seed -12345678901 --preset paper --effort quick
        --compensation-fit stream --overwrite --output o --features rates-and-errors --calibration c.txt
        --sequences 64 --protect 0,1,29`,
      ),
    ],
  ])('make the same request again: %s', async (_, args) => {
    const asked = await request(...args);
    const written = write(asked);
    expect(written).toContain('--model');
    expect(await request(...(written ?? []))).toEqual(asked);
  });

  it('are none for a request that no flags make', async () => {
    const asked = await request('--remove', '20%');
    expect(write(asked)).toEqual(['--model', 'm', '--remove', '20%']);
    expect(write({ ...asked, recipes: [{ criterion: { id: 'wanda' } }, {}] })).toBeUndefined();
    expect(write({ ...asked, objectives: [{ metric: 'accuracy', weight: 2, limit: 0.4 }] })).toBeUndefined();
    expect(write({ ...asked, pairs: { rungs: [{ token_limit: '5', precision: 'PRECISION_INT8' }] } })).toBeUndefined();
    expect(write({ ...asked, refine: { important_share: 0.1 } })).toBeUndefined();
  });
});
