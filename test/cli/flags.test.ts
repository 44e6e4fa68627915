import { describe, expect, it } from 'vitest';
import { Command } from 'commander';
import { addBudgetFlags, readBudgets } from '../../src/cli/flags/budget.js';
import { addObjectiveFlags, readObjectives } from '../../src/cli/flags/objective.js';
import { addSpaceFlags, readSpace } from '../../src/cli/flags/space.js';
import { addTargetFlags, readTargets } from '../../src/cli/flags/target.js';
import {
  parseAmount,
  parseCount,
  parseLayers,
  parsePlaces,
  parsePluginOption,
  parseShare,
} from '../../src/cli/flags/values.js';
import { BudgetKind, DimensionKind } from '../../src/client/index.js';

function parse(add: (command: Command) => Command, ...args: readonly string[]): Record<string, unknown> {
  return add(new Command().exitOverride().configureOutput({ writeErr: () => undefined }))
    .parse(args, { from: 'user' })
    .opts();
}

describe('parseShare', () => {
  it('reads 20% and 0.2 alike, and refuses what is no share of the whole', () => {
    expect(parseShare('20%')).toBe(parseShare('0.2'));
    expect(parseShare('100%')).toBe(1);
    for (const wrong of ['20', '120%', '-5%', '', 'x', '%'])
      expect(() => parseShare(wrong)).toThrow('share from 0 to 1');
  });
});

describe('parsePlaces', () => {
  it('reads places and ranges of them, both ends included', () => {
    expect(parsePlaces('3,7, 20-23')).toEqual([3, 7, 20, 21, 22, 23]);
    for (const wrong of ['', '-1', '5-3', '1.5', '0-999999999', 'x'])
      expect(() => parsePlaces(wrong)).toThrow('places and ranges');
  });
});

describe('parseAmount', () => {
  it('knows units, separators and exponents', () => {
    expect(['4096', '4_096', '4,096'].map(parseAmount)).toEqual([4096, 4096, 4096]);
    expect(['10k', '1.1M', '2GB', '1e6'].map(parseAmount)).toEqual([10_000, 1_100_000, 2_000_000_000, 1_000_000]);
    for (const wrong of ['-1', 'k', '1 2', '']) expect(() => parseAmount(wrong)).toThrow('number');
  });

  it('leaves counts whole', () => {
    expect(() => parseCount('1.5')).toThrow('whole number');
    expect(parseCount('1.5k')).toBe(1500);
  });
});

describe('parseLayers', () => {
  it('tells no layers from layer 0', () => {
    expect(parseLayers('none')).toEqual([]);
    expect(parseLayers('0,1,29')).toEqual([0, 1, 29]);
  });
});

describe('parsePluginOption', () => {
  it('reads numbers, booleans and lists as such, and the rest as text', () => {
    expect(['depth=6', 'flag=true', 'order=first', 'grid=[1,2]', 'note=a=b'].map(parsePluginOption)).toEqual([
      ['depth', 6],
      ['flag', true],
      ['order', 'first'],
      ['grid', [1, 2]],
      ['note', 'a=b'],
    ]);
  });
});

describe('budget flags', () => {
  it('limit the parameters where no kind is named, and may be repeated', () => {
    expect(
      readBudgets(
        parse(
          addBudgetFlags,
          '--remove',
          '20%',
          '--remove',
          'kv_cache_bytes_per_token=50%',
          '--at-most',
          'weight-bytes=200M',
        ),
      ),
    ).toEqual([
      { kind: BudgetKind.PARAMETERS, limit: { $case: 'removedShare', value: 0.2 } },
      { kind: BudgetKind.KV_CACHE_BYTES_PER_TOKEN, limit: { $case: 'removedShare', value: 0.5 } },
      { kind: BudgetKind.WEIGHT_BYTES, limit: { $case: 'atMost', value: 200_000_000 } },
    ]);
  });

  it('say how wide numbers are of those that count bytes, and are refused where none does', () => {
    const width = ['--bytes-per-number', '1'] as const;
    const budgets = readBudgets(
      parse(
        addBudgetFlags,
        ...width,
        '--at-most',
        'weight-bytes=200M',
        '--remove',
        'kv-cache-bytes-per-token=50%',
        '--remove',
        '20%',
      ),
    );
    expect(budgets.map(({ bytesPerNumber }) => bytesPerNumber)).toEqual([1, undefined, 1]);
    expect(() => readBudgets(parse(addBudgetFlags, ...width, '--remove', '20%'))).toThrow(
      'weight-bytes or kv-cache-bytes-per-token',
    );
  });

  it('name the kinds there are when one is unknown', () => {
    expect(() => parse(addBudgetFlags, '--remove', 'size=20%')).toThrow('parameters, weight-bytes');
  });
});

describe('objective flags', () => {
  it('tell a front, a weighted sum and floors apart', () => {
    expect(
      readObjectives(parse(addObjectiveFlags, '--objective', 'perplexity', '--objective', 'kv-cache-bytes-per-token')),
    ).toEqual([{ metric: 'perplexity' }, { metric: 'kv_cache_bytes_per_token' }]);
    expect(
      readObjectives(
        parse(
          addObjectiveFlags,
          '--objective',
          'perplexity=2',
          '--objective',
          'parameters=1',
          '--floor',
          'accuracy=0.4',
        ),
      ),
    ).toEqual([
      { metric: 'perplexity', weight: 2 },
      { metric: 'parameters', weight: 1 },
      { metric: 'accuracy', floor: 0.4 },
    ]);
    expect(() => parse(addObjectiveFlags, '--floor', 'accuracy')).toThrow('NAME=VALUE');
    expect(() => parse(addObjectiveFlags, '--objective', 'accuracy=much')).toThrow('above 0');
  });
});

describe('space flags', () => {
  it('tell no protected layers from the default ones', () => {
    expect(readSpace(parse(addSpaceFlags, '--protect', 'none', '--kinds', 'ffn-channels'))).toEqual({
      protectedLayers: { layers: [] },
      kinds: [DimensionKind.FFN_CHANNELS],
    });
    expect(readSpace(parse(addSpaceFlags))).toBeUndefined();
  });
});

describe('target flags', () => {
  it('take an architecture as its list of layers, in camelCase or snake_case', () => {
    const [snake, camel] = readTargets(
      parse(
        addTargetFlags,
        '--architecture',
        '@[{"kv_heads": 4, "query_heads_per_kv": 2, "ffn_channels": 86}]',
        '--architecture',
        '@{"layers": [{"kvHeads": 4, "queryHeadsPerKv": 2, "ffnChannels": 86}]}',
      ),
    );
    expect(snake?.target).toEqual({
      $case: 'architecture',
      value: { layers: [{ kvHeads: 4, queryHeadsPerKv: 2, ffnChannels: 86 }] },
    });
    expect(camel?.target).toEqual(snake?.target);
  });

  it('refuse a field that does not exist, by name', () => {
    expect(() => parse(addTargetFlags, '--architecture', '@[{"kv_head": 4}]')).toThrow('kv_head');
  });
});
