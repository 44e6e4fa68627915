import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countParameters } from '../../../src/core/model/parameters.js';
import type { KeptUnits, LayerKeptUnits } from '../../../src/core/model/units.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { pruneModel } from '../../../src/engine/surgery/prune-model.js';
import hf from '../../../src/plugins/exporters/hf.js';
import { proves } from '../../support/proves.js';
import { hasShared, sharedPath } from '../../support/shared.js';
import { findTrait, type Trait, writeTrait } from '../../support/trait-checkpoint.js';

/** A Python with torch and transformers; any other is a reason to skip. */
const PYTHON = process.env['PRUNECAST_PYTHON'] ?? 'python3';
const hasTransformers =
  spawnSync(PYTHON, [
    '-c',
    'from importlib.metadata import version; version("torch"); assert int(version("transformers").split(".")[0]) >= 5',
  ]).status === 0;
const hasAccelerate =
  hasTransformers &&
  spawnSync(PYTHON, ['-c', 'from importlib.metadata import version; version("accelerate")']).status === 0;
/** A folder with transformers of a version before 5 and what it needs beside torch (requirements-transformers-4.txt). */
const TRANSFORMERS_4 = process.env['PRUNECAST_OLDER_TRANSFORMERS'];
const STORIES = join(import.meta.dirname, '../../../models/stories260k');

interface Case {
  readonly name: string;
  readonly source: string;
  /** What the source is made of; undefined where it is there. */
  readonly trait?: Trait;
  /** The exporter's option. */
  readonly form?: 'decilm';
  readonly kept: KeptUnits;
  readonly modelType: string;
  /** Biases that a compensation gives, by their names in the checkpoint. */
  readonly biases?: ReadonlyMap<string, Float32Array>;
  /** The exporter's option; left out for that of the source. */
  readonly dtype?: 'float16' | 'bfloat16';
}

interface Checked {
  readonly export: string;
  readonly prompt: readonly number[];
  readonly tokens: readonly number[];
  readonly tuned: Tuned | null;
  readonly model_type: string;
  readonly logits: number;
  readonly scale: number;
  readonly generate: string;
  readonly beams: string;
  readonly resaved: number;
  readonly parameters: number;
  /** In which transformers loads it if asked for none: that of its config.json. */
  readonly dtype: string;
}

/** What fine_tune.py says. */
interface Tuned {
  readonly bfloat16: number;
  readonly device_map: number;
  readonly recomputed: number;
  readonly gradients: number;
  readonly losses: readonly number[];
  readonly loaded: number;
  readonly prompt: readonly number[];
  readonly logits: readonly number[];
}

/** Every unit but each third channel, and these groups of two heads each. */
function keep(kvGroups: readonly number[], ffnChannels: number, headsPerGroup = 2): LayerKeptUnits {
  return {
    kvGroups,
    queryHeads: kvGroups.flatMap((group) =>
      Array.from({ length: headsPerGroup }, (_, head) => group * headsPerGroup + head),
    ),
    ffnChannels: Array.from({ length: ffnChannels }, (_, channel) => channel).filter((channel) => channel % 3 !== 1),
  };
}

const whole: LayerKeptUnits = {
  ...keep([0, 1, 2, 3], 172),
  ffnChannels: Array.from({ length: 172 }, (_, channel) => channel),
};
const oneHeadEach: LayerKeptUnits = { ...whole, queryHeads: [1, 2, 5, 6] };

/** Another bias of the hidden size for each name, exact in float32 and float64. */
function biasOf(layer: number, name: string, hidden = 64): readonly [string, Float32Array] {
  return [
    `model.layers.${layer}.${name}.bias`,
    Float32Array.from({ length: hidden }, (_, at) => ((at * 7 + layer * 13 + name.length) % 32) / 256 - 1 / 16),
  ];
}

const STORIES_CASES: readonly Case[] = [
  {
    name: 'uniform in float16',
    source: STORIES,
    modelType: 'llama',
    dtype: 'float16',
    kept: Array.from({ length: 5 }, () => keep([1, 3], 172)),
  },
  {
    name: 'uneven in bfloat16',
    source: STORIES,
    modelType: 'prunecast_llama',
    dtype: 'bfloat16',
    kept: [keep([], 172), keep([1, 3], 60), whole, whole, keep([0], 172)],
  },
  {
    name: 'uniform-dividing',
    source: STORIES,
    modelType: 'llama',
    kept: Array.from({ length: 5 }, () => keep([1, 3], 172)),
  },
  {
    name: 'uniform-not-dividing',
    source: STORIES,
    modelType: 'mistral',
    kept: Array.from({ length: 5 }, () => keep([0, 2, 3], 172)),
  },
  // Half the query heads of every group: fewer heads than the hidden size asks for.
  {
    name: 'uniform-fewer-query-heads',
    source: STORIES,
    modelType: 'llama',
    kept: Array.from({ length: 5 }, () => ({ ...whole, queryHeads: [1, 2, 5, 6] })),
  },
  {
    name: 'uniform-fewer-heads-of-fewer-groups',
    source: STORIES,
    modelType: 'mistral',
    kept: Array.from({ length: 5 }, () => ({ ...keep([0, 1, 3], 172), queryHeads: [1, 2, 7] })),
  },
  {
    name: 'per-layer',
    source: STORIES,
    modelType: 'prunecast_llama',
    kept: [
      keep([1], 100),
      { ...whole, kvGroups: [], queryHeads: [] },
      { ...whole, ffnChannels: [] },
      oneHeadEach,
      whole,
    ],
  },
  {
    name: 'first-attention-dropped',
    source: STORIES,
    modelType: 'prunecast_llama',
    kept: [{ ...whole, kvGroups: [], queryHeads: [] }, keep([], 0), whole, whole, whole],
  },
  {
    name: 'dropped-with-biases',
    source: STORIES,
    modelType: 'prunecast_llama',
    kept: [
      keep([1], 172),
      { ...whole, kvGroups: [], queryHeads: [] },
      { ...whole, ffnChannels: [] },
      keep([], 0),
      whole,
    ],
    biases: new Map([
      ...[0, 1, 3].map((layer) => biasOf(layer, 'self_attn.o_proj')),
      ...[0, 2, 3].map((layer) => biasOf(layer, 'mlp.down_proj')),
    ]),
  },
  {
    name: 'all-attention-dropped',
    source: STORIES,
    modelType: 'prunecast_llama',
    kept: Array.from({ length: 5 }, () => keep([], 172)),
  },
];

const FAMILY_CASES: readonly Case[] = [
  'llama-head-dim-bias',
  'llama-rope-llama3',
  'llama-gqa-tied',
  'mistral',
  'qwen2',
  'qwen3',
].flatMap((name) => {
  const source = sharedPath('reference/families', name);
  const family = name.replace(/-.*/, '');
  return [
    { name: `${name}-uniform`, source, modelType: family, kept: [keep([1], 48), keep([0], 48)] },
    {
      name: `${name}-per-layer`,
      source,
      modelType: `prunecast_${family}`,
      kept: [{ ...keep([], 48) }, { ...keep([0, 1], 0) }],
    },
    {
      name: `${name}-dropped-with-bias`,
      source,
      modelType: `prunecast_${family}`,
      kept: [{ ...keep([], 48) }, { ...keep([0, 1], 0) }],
      biases: new Map([
        biasOf(0, 'self_attn.o_proj', 32),
        biasOf(0, 'mlp.down_proj', 32),
        biasOf(1, 'mlp.down_proj', 32),
      ]),
    },
    { name: `${name}-uneven`, source, modelType: `prunecast_${family}`, kept: [keep([1], 30), keep([0, 1], 48)] },
  ];
});

/** Layers of 2 groups of 2 heads and 40 channels; what config.json says is carried over, and sequences go beyond each window. */
const TRAIT_CASES: readonly Case[] = (
  [
    ['linear rotary scaling in its old spelling', 'llama', 'uniform'],
    ['dynamic rotary scaling within its context', 'prunecast_llama', 'uneven'],
    ['yarn with all its fields', 'llama', 'uniform'],
    ['yarn in a Qwen3, whose heads are normed', 'prunecast_qwen3', 'uneven'],
    ['a Mistral beyond its sliding window', 'mistral', 'uniform'],
    ['a Mistral beyond its sliding window', 'prunecast_mistral', 'first attention dropped'],
    ['a Mistral with a sliding window in some layers', 'ministral', 'uniform'],
    ['a Mistral with a sliding window in some layers', 'prunecast_ministral', 'first attention dropped'],
    ['a Qwen2 with a sliding window from a layer on', 'qwen2', 'uniform'],
    ['a Qwen2 with a sliding window from a layer on', 'prunecast_qwen2', 'first attention dropped'],
    ['a Qwen2 with a sliding window from a layer on', 'prunecast_qwen2', 'middle attention dropped'],
    ['a Qwen2 with a sliding window and layer_types', 'prunecast_qwen2', 'first attention dropped'],
  ] as const
).map(([trait, modelType, cut]) => {
  const [made] = findTrait(trait);
  const layers = Number(made.config?.['num_hidden_layers'] ?? 2);
  const all = Array.from({ length: layers }, () => keep([0, 1], 40));
  const kept = {
    uniform: all.map(() => keep([1], 40)),
    uneven: all.with(0, keep([1], 30)),
    'first attention dropped': all.with(0, keep([], 40)),
    'middle attention dropped': all.with(1, keep([], 40)),
  }[cut];
  return { name: `${trait}, ${cut}`, modelType, kept, trait: made, source: trait.replaceAll(/\W+/g, '-') };
});

/** 4 groups of 2 heads of 8 and 768 channels, of which the form of Nemotron-NAS takes multiples of 256. */
const WIDE: Trait = {
  config: {
    hidden_size: 64,
    intermediate_size: 768,
    num_hidden_layers: 5,
    num_attention_heads: 8,
    num_key_value_heads: 4,
  },
};
const wide = (groups: readonly number[], channels: number): LayerKeptUnits => ({
  ...keep(groups, 0),
  ffnChannels: Array.from({ length: channels }, (_, channel) => 767 - channel),
});
const DECILM = { modelType: 'nemotron-nas', form: 'decilm' } as const;
const DECILM_CASES: readonly Case[] = [
  {
    ...DECILM,
    name: 'decilm: 6 heads on 64, dropped halves, a layer of which nothing is left',
    trait: WIDE,
    source: 'wide',
    kept: [wide([0, 2, 3], 256), wide([], 512), wide([0, 1, 2], 0), wide([], 0), wide([1, 2, 3], 768)],
  },
  {
    ...DECILM,
    name: 'decilm: biases of a compensation, first layer dropped',
    trait: WIDE,
    source: 'wide',
    kept: [wide([], 0), wide([0, 3], 512), wide([0, 3], 512), wide([0, 3], 512), wide([0, 3], 256)],
    biases: new Map(
      [1, 2, 3, 4].flatMap((layer) => [biasOf(layer, 'self_attn.o_proj'), biasOf(layer, 'mlp.down_proj')]),
    ),
  },
  {
    ...DECILM,
    name: 'decilm of a Qwen2, with biases of q, k and v alone',
    trait: { config: { ...WIDE.config, model_type: 'qwen2' } },
    source: 'wide-qwen2',
    kept: [wide([0], 256), wide([1], 512), wide([], 256), wide([2], 0), wide([3], 768)],
  },
];

/** Of these the engine writes 20 tokens by greedy search, and transformers 4 loads them too. */
const DECODED = new Set([
  'uniform-not-dividing',
  'dropped-with-biases',
  'decilm: biases of a compensation, first layer dropped',
  'decilm of a Qwen2, with biases of q, k and v alone',
  'llama-rope-llama3-per-layer',
  'qwen2-uneven',
]);

/** What is trained further. */
const TUNED = new Set(['dropped-with-biases', 'decilm: biases of a compensation, first layer dropped']);

describe.skipIf(!hasTransformers)(
  `an hf export in transformers (needs torch and transformers 5 in PRUNECAST_PYTHON, ${PYTHON})`,
  () => {
    const cases = [...STORIES_CASES, ...TRAIT_CASES, ...DECILM_CASES, ...(hasShared ? FAMILY_CASES : [])];
    const decoded = cases.filter(({ name }) => DECODED.has(name));
    const checked = new Map<string, Checked>();
    const checkedBy4 = new Map<string, Checked>();
    let folder = '';

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'prunecast-export-'));
      for (const each of cases) await writeCase(each, folder);
      await Promise.all([
        checkAll(cases, folder, checked),
        TRANSFORMERS_4 === undefined ? undefined : checkAll(decoded, folder, checkedBy4, TRANSFORMERS_4),
      ]);
    }, 600_000);

    afterAll(async () => {
      await rm(folder, { recursive: true, force: true });
    });

    it.each(cases)(
      '$name: loads as $modelType, with the logits of the dense model whose removed units are zero',
      async (each) => {
        const found = checked.get(each.name);
        expect(found).toMatchObject(await describeSame(each, folder));
        expect(found?.scale).toBeGreaterThan(0.1);
        proves({
          exporter: 'hf',
          runtime: 'transformers',
          types: ['source', 'float16', 'bfloat16'],
          layers: ['one shape', 'dropped halves'],
          families: ['llama', 'mistral', 'ministral', 'qwen2', 'qwen3'],
        });
        proves({
          exporter: 'hf',
          runtime: 'transformers',
          types: ['source', 'bfloat16'],
          layers: ['FFN widths that differ', 'heads that differ'],
          families: ['llama', 'mistral', 'qwen2', 'qwen3'],
        });
        proves({
          exporter: 'hf',
          form: 'decilm',
          runtime: 'transformers',
          types: ['source'],
          layers: ['FFN widths that differ', 'dropped halves'],
          families: ['llama', 'qwen2'],
        });
      },
    );

    it.each(decoded)('$name: generate() writes the 20 tokens of the engine', async ({ name }) => {
      const { prompt = [], tokens } = checked.get(name) ?? {};
      expect(tokens).toEqual(await decode(join(folder, name), prompt));
    });

    it.skipIf(TRANSFORMERS_4 === undefined).each(decoded)(
      '$name: loads in transformers 4 too, with the same logits and tokens (needs a folder in PRUNECAST_OLDER_TRANSFORMERS)',
      async (each) => {
        expect(checkedBy4.get(each.name)).toMatchObject(await describeSame(each, folder));
        expect(checkedBy4.get(each.name)?.tokens).toEqual(checked.get(each.name)?.tokens);
        proves({
          exporter: 'hf',
          runtime: 'transformers 4',
          types: ['source'],
          layers: ['one shape', 'dropped halves'],
          families: ['llama'],
        });
        proves({
          exporter: 'hf',
          runtime: 'transformers 4',
          types: ['source'],
          layers: ['FFN widths that differ', 'heads that differ'],
          families: ['qwen2'],
        });
        proves({
          exporter: 'hf',
          form: 'decilm',
          runtime: 'transformers 4',
          types: ['source'],
          layers: ['dropped halves'],
          families: ['llama'],
        });
      },
    );

    it.skipIf(!hasAccelerate).each([...TUNED])(
      '%s: loads as bfloat16 and by a device map, and the Trainer trains it further (needs accelerate)',
      async (name) => {
        for (const { tuned } of [checked, ...(TRANSFORMERS_4 === undefined ? [] : [checkedBy4])].map(
          (results) => results.get(name) ?? { tuned: null },
        )) {
          const [first = NaN, second = NaN, third = NaN] = tuned?.losses ?? [];
          expect(second).toBeLessThan(first);
          expect(third).toBeLessThan(second);
          expect(tuned).toMatchObject({ device_map: 0, recomputed: 2, loaded: 0 });
          expect(tuned?.gradients).toBeLessThan(1e-6);
          expect(tuned?.bfloat16).toBeLessThan(0.05); // 2^-8 in each of some 30 roundings of 5 layers
        }
        const { tuned } = checked.get(name) ?? {};
        const logits = await withExport(join(folder, `${name}-tuned`), (predict) => predict(tuned?.prompt ?? []));
        expect(Math.max(...logits.map((logit, token) => Math.abs(logit - (tuned?.logits[token] ?? NaN))))).toBeLessThan(
          1e-3,
        );
      },
    );
  },
);

function sourceOf({ source, trait }: Case, folder: string): string {
  return trait === undefined ? source : join(folder, 'sources', source);
}

async function writeCase(each: Case, folder: string): Promise<void> {
  const { name, kept, biases, trait, dtype, form } = each;
  if (trait !== undefined) {
    await mkdir(sourceOf(each, folder), { recursive: true });
    // A quarter of the values in those of 768 channels: larger ones make every rounding another text.
    const edit = (tensor: string, values: Float32Array): void => {
      if (form === 'decilm' && !tensor.endsWith('norm.weight'))
        for (const [at, value] of values.entries()) values[at] = value / 4;
    };
    await writeTrait(trait, { folder: sourceOf(each, folder), edit });
  }
  const checkpoint = await openCheckpoint(sourceOf(each, folder));
  await mkdir(join(folder, name));
  await hf.write(
    pruneModel({ checkpoint, keptUnits: kept, ...(biases === undefined ? {} : { replace: biases }) }),
    join(folder, name),
    { signal: new AbortController().signal },
    hf.options.parse({ dtype, form }),
  );
  await checkpoint.close();
}

/** @param modules a folder with another version of transformers than that of the Python */
async function checkAll(
  cases: readonly Case[],
  folder: string,
  checked: Map<string, Checked>,
  modules?: string,
): Promise<void> {
  const suffix = modules === undefined ? 'tuned' : 'tuned-by-4';
  const tasks = cases.map((each) => ({
    source: sourceOf(each, folder),
    export: join(folder, each.name),
    kept: each.kept.map((layer) => ({
      kv_groups: layer.kvGroups,
      query_heads: layer.queryHeads,
      ffn_channels: layer.ffnChannels,
    })),
    dtype: each.dtype ?? null,
    biases: Object.fromEntries(Array.from(each.biases ?? [], ([tensor, values]) => [tensor, [...values]])),
    tuned: hasAccelerate && TUNED.has(each.name) ? join(folder, `${each.name}-${suffix}`) : null,
  }));
  const file = join(folder, `cases-${suffix}.json`);
  await writeFile(file, JSON.stringify(tasks));
  const { stdout } = await promisify(execFile)(PYTHON, [join(import.meta.dirname, 'check_export.py'), file], {
    env: {
      ...process.env,
      // One thread: models are tiny, and several wait for each other where the machine is busy.
      OMP_NUM_THREADS: '1',
      HF_HOME: join(folder, `home-${suffix}`),
      HF_HUB_OFFLINE: '1',
      ...(modules === undefined
        ? {}
        : { PYTHONPATH: [modules, process.env['PYTHONPATH']].filter(Boolean).join(delimiter) }),
    },
  });
  for (const line of stdout.split('\n').filter((text) => text.startsWith('{"export"'))) {
    const result = JSON.parse(line) as Checked;
    checked.set(basename(result.export), result);
  }
}

/** What check_export.py says of an export that computes what its source does. */
async function describeSame({ name, modelType, dtype }: Case, folder: string): Promise<Record<string, unknown>> {
  const pruned = await openCheckpoint(join(folder, name));
  await pruned.close();
  return {
    model_type: modelType,
    logits: expect.closeTo(0, 6),
    generate: 'same',
    beams: 'same',
    resaved: 0,
    parameters: countParameters(pruned.shape, pruned.shape.layers),
    ...(dtype === undefined ? {} : { dtype: `torch.${dtype}` }),
  };
}

/** The 20 tokens that follow by greedy search. */
function decode(directory: string, prompt: readonly number[]): Promise<number[]> {
  return withExport(directory, async (predict) => {
    const tokens = [...prompt];
    for (let step = 0; step < 20; step++) {
      const logits = await predict(tokens);
      tokens.push(logits.indexOf(Math.max(...logits)));
    }
    return tokens.slice(prompt.length);
  });
}

/** @param use gets a function from tokens to what the engine predicts after the last of them */
async function withExport<Result>(
  directory: string,
  use: (predict: (tokens: readonly number[]) => Promise<number[]>) => Promise<Result>,
): Promise<Result> {
  const opened = await hf.open?.(directory, { signal: new AbortController().signal });
  if (opened === undefined) throw new Error('hf opens nothing');
  try {
    return await use(async (tokens) => [
      ...(await opened.logits(Int32Array.from(tokens))).subarray(-opened.shape.vocabulary),
    ]);
  } finally {
    await opened.close();
  }
}
