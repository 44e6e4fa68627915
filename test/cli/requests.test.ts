import { InvalidArgumentError, type Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RequestError } from '../../src/cli/output/request-error.js';
import { createProgram } from '../../src/cli/program.js';
import { createFieldNames } from '../../src/cli/session/field-names.js';
import { startFakeApi, type FakeApi } from './fake-api.js';

function leaf(name: string): Command {
  const found = createProgram().commands.find((command) => command.name() === name);
  if (found === undefined) throw new Error(`there is no command ${name}`);
  return found;
}

let api: FakeApi;
beforeAll(async () => {
  api = await startFakeApi();
});
afterAll(() => api.close());

const run = (...args: readonly string[]) => api.run([...args, '--address', api.address]);
const search = (...args: readonly string[]) => run('search', '--model', 'm', '--request-id', 'r', ...args);

async function read(ran: ReturnType<typeof run>): Promise<unknown> {
  const { sent, error } = await ran;
  if (sent[0] === undefined) throw error;
  return sent[0].request;
}

/** The flag that a search names when the server finds a field wrong. */
async function fault(field: string, ...args: readonly string[]): Promise<string | undefined> {
  const { error } = await api.run(['search', '--model', 'm', '--address', api.address, ...args], [field]);
  if (!(error instanceof RequestError)) throw error;
  return error.violations[0]?.flag;
}

describe('budget flags', () => {
  it('limit the parameters unless a kind is named, and may be repeated', async () => {
    const request = read(
      search('--at-most', 'weight-bytes=200M', '--remove', '20%', '--remove', 'kv_cache_bytes_per_token=50%'),
    );
    expect(await request).toMatchObject({
      budgets: [
        { kind: 'BUDGET_KIND_PARAMETERS', removed_share: 0.2 },
        { kind: 'BUDGET_KIND_KV_CACHE_BYTES_PER_TOKEN', removed_share: 0.5 },
        { kind: 'BUDGET_KIND_WEIGHT_BYTES', at_most: 200_000_000 },
      ],
    });
  });

  it('give the width of numbers to the budgets that count bytes, and refuse it if none does', async () => {
    const width = ['--bytes-per-number', '1'];
    expect(await read(search(...width, '--at-most', 'weight-bytes=200M', '--remove', '20%'))).toMatchObject({
      budgets: [{ removed_share: 0.2 }, { at_most: 200_000_000, bytes_per_number: 1 }],
    });
    const { sent, error } = await search(...width, '--remove', '20%');
    expect(sent).toEqual([]);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(String(error)).toContain('weight-bytes or kv-cache-bytes-per-token');
  });

  it('name the kinds there are when one is unknown', async () => {
    expect(String((await search('--remove', 'size=20%')).error)).toContain('parameters, weight-bytes');
  });
});

describe('objective flags', () => {
  it('tell a front, a weighted sum and limits apart', async () => {
    const budget = ['--remove', '20%'];
    expect(
      await read(search(...budget, '--objective', 'perplexity', '--objective', 'kv-cache-bytes-per-token')),
    ).toMatchObject({ objectives: [{ metric: 'perplexity' }, { metric: 'kv_cache_bytes_per_token' }] });
    expect(
      await read(
        search(...budget, '--limit', 'accuracy=0.4', '--objective', 'perplexity=2', '--objective', 'parameters=1'),
      ),
    ).toMatchObject({
      objectives: [
        { metric: 'perplexity', weight: 2 },
        { metric: 'parameters', weight: 1 },
        { metric: 'accuracy', limit: 0.4 },
      ],
    });
    expect(String((await search(...budget, '--limit', 'accuracy')).error)).toContain('NAME=VALUE');
    expect(String((await search(...budget, '--objective', 'accuracy=much')).error)).toContain('above 0');
  });
});

describe('plug-in options', () => {
  it('without a plug-in leave the choice to the server', async () => {
    const request = await read(
      search('--remove', '20%', '--strategy-option', 'population=50', '--strategy-option', 'seeded=true'),
    );
    expect(request).toMatchObject({ strategy: { options: { population: 50, seeded: true } } });
    expect(request).not.toHaveProperty('strategy.id');
  });
});

describe('space flags', () => {
  it('tell no protected layers from the default ones', async () => {
    expect(await read(run('inspect', '--model', 'm', '--protect', 'none', '--kinds', 'ffn-channels'))).toEqual({
      model: 'm',
      space: { protected_layers: {}, kinds: ['DIMENSION_KIND_FFN_CHANNELS'] },
    });
    expect(await read(run('inspect', '--model', 'm'))).toEqual({ model: 'm' });
  });
});

describe('target flags', () => {
  it('add one target per use, in camelCase or snake_case', async () => {
    const snake = '@[{"kv_heads": 4, "query_heads_per_kv": 2, "ffn_channels": 86}]';
    const camel = '@{"layers": [{"kvHeads": 4, "queryHeadsPerKv": 2, "ffnChannels": 86}]}';
    const targets = ['--dense', '--rate', '10%', '--rate', '0.2', '--architecture', snake, '--architecture', camel];
    const request = read(run('evaluate', '--model', 'm', '--text', 'a.txt', '--request-id', 'r', ...targets));
    const architecture = { layers: [{ kv_heads: 4, query_heads_per_kv: 2, ffn_channels: 86 }] };
    expect(await request).toMatchObject({
      targets: [{ dense: {} }, { uniform_rate: 0.1 }, { uniform_rate: 0.2 }, { architecture }, { architecture }],
    });
  });

  it('send lists of units as bitmaps', async () => {
    const units = '@[{"kv_groups": [0], "query_heads": [0, 1], "ffn_channels": [3, 9]}]';
    expect(await read(run('prune', '--model', 'm', '--output', 'o', '--units', units))).toMatchObject({
      kept_units: { layers: [{ kv_groups: 'AQ==', query_heads: 'Aw==', ffn_channels: 'CAI=' }] },
    });
  });

  it('refuse a field that does not exist, by the names of the flag and the field', async () => {
    const { sent, error } = await run('prune', '--model', 'm', '--output', 'o', '--architecture', '@[{"kv_head": 4}]');
    expect(sent).toEqual([]);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(String(error)).toMatch(/--architecture: .*"kv_head" is unknown/);
  });

  it('refuse two answers to what stays', async () => {
    const twice = await run('prune', '--model', 'm', '--output', 'o', '--rate', '0.1', '--rate', '0.2');
    const both = await run('prune', '--model', 'm', '--output', 'o', '--rate', '0.1', '--remove', '20%');
    for (const { sent, error } of [twice, both]) {
      expect(sent).toEqual([]);
      expect(String(error)).toContain('say once what stays');
    }
  });
});

describe('exporter flags', () => {
  it.each([
    [['--exporter', 'hf', '--exporter', 'hf'], '"hf": give one a name of its own, as in --exporter NAME=hf'],
    [['--exporter', 'hf', '--exporter', 'HF=gguf'], '"HF": give one a name of its own, as in --exporter NAME=gguf'],
    [['--exporter-option', 'dtype'], '--exporter-option: "dtype" is not OPTION=VALUE, such as dtype=float16'],
    [
      ['--exporter', 'gguf', '--exporter-option', 'gguf.type=f16'],
      'there is one: give type=f16, or several with --exporter',
    ],
    [['--exporter', 'hf', '--exporter', 'gguf', '--exporter-option', 'type=f16'], 'is not NAME.OPTION=VALUE'],
  ])('refuse %j before a server is asked, and say what to write', async (flags, advice) => {
    const { sent, error } = await run('prune', '--model', 'm', '--output', 'o', '--rate', '0.1', ...flags);
    expect(sent).toEqual([]);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(String(error)).toContain(advice);
  });
});

describe('encodings', () => {
  it('are the rates of all rows, those of the file last', async () => {
    const request = read(run('predict', '--predictor', 'p', '--rates', '0,50%', '--encodings', '@0.25,1'));
    const rates = Buffer.from(Float32Array.of(0, 0.5, 0.25, 1).buffer).toString('base64');
    expect(await request).toMatchObject({ encodings: { dimensions: 2, rates } });
    expect(String((await run('predict', '--predictor', 'p', '--rates', '0,1', '--rates', '0')).error)).toContain(
      'a row has 1 rates, the first one has 2',
    );
  });
});

describe('what the server refuses', () => {
  it('names the use at fault of a flag that was given several times', async () => {
    const budgets = ['--remove', '20%', '--remove', 'kv-cache-bytes-per-token=50%', '--at-most', 'weight-bytes=1M'];
    expect(await fault('budgets[1].removed_share', ...budgets)).toBe('--remove kv-cache-bytes-per-token=50%');
    expect(await fault('budgets[2]', ...budgets)).toBe('--at-most');
  });

  it('names the part of the JSON that the user wrote', async () => {
    expect(await fault('predictor.options.depth', '--remove', '20%', '--predictor-option', 'depth=99')).toBe(
      '--predictor-option depth',
    );
    const forms = ['--exporter', 'hf', '--exporter', 'q8=gguf', '--exporter', 'q4=gguf'];
    const options = ['--exporter-option', 'q4.type=q4_0', '--exporter-option', 'q8.type=q8'];
    const given = ['--remove', '20%', '--output', 'o', ...forms, ...options];
    expect(await fault('exports[1].exporter.options.type', ...given)).toBe('--exporter-option q8.type');
  });

  it('names the flag to add where the field was left out', async () => {
    expect(await fault('texts.calibration', '--remove', '20%')).toBe('--calibration');
    expect(await fault('recipes[0].calibration.sequences', '--remove', '20%')).toBe('--sequences');
  });

  it('names the flags below a message that is at fault as a whole', async () => {
    expect(await fault('space', '--remove', '20%', '--min-rate', '0.5', '--max-rate', '0.1')).toBe(
      '--min-rate, --max-rate',
    );
    expect(await fault('texts', '--remove', '20%')).toBe('--text');
  });

  it('says flags for fields in the sentences of the server, and leaves plain words and other names alone', async () => {
    const names = createFieldNames(leaf('search'), 'prunecast.v1.SearchRequest', []);
    expect(
      [
        'output: "b" exists: set `overwrite` to replace it, or name another output',
        'space.max_rate: is 0.1; allowed is min_rate (0.9) to 1',
        'recipes[0].calibration.sequences and texts.text. The text of model.safetensors has weight_bytes',
        'see `pairs.band` and `no_such`, layers.0.ffn_channels',
        'name separate texts, or one in `texts.text` alone; a further one in `further_measurements[0].texts.text`',
      ].map((sentence) => names.rename(sentence)),
    ).toEqual([
      '--output: "b" exists: set --overwrite to replace it, or name another output',
      '--max-rate: is 0.1; allowed is --min-rate (0.9) to 1',
      '--sequences and --text. The text of model.safetensors has weight_bytes',
      'see `pairs.band` and `no_such`, layers.0.ffn_channels',
      'name separate texts, or one in --text alone; a further one in --also-text',
    ]);
  });

  it('names the flag for what a further measurement lacks', async () => {
    expect(await fault('further_measurements[0].texts.text', '--remove', '20%', '--also', 'mmlu')).toBe('--also-text');
  });

  it('takes no --also without an evaluator', async () => {
    const { error } = await search('--remove', '20%', '--also', 'mmlu=');
    expect(String((error as Error).message)).toMatch(/"mmlu=" is not EVALUATOR or NAME=EVALUATOR/);
  });

  it('keeps the name of a field that no flag fills', async () => {
    expect(await fault('pairs.band', '--remove', '20%')).toBeUndefined();
  });
});
