import { createHash } from 'node:crypto';
import { cp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CheckOutcome,
  type DeepPartial,
  type OutputCheck,
  type PruneRequest,
  type Recipe,
} from '../../../src/client/index.js';
import { canonicalJson } from '../../../src/core/canonical-json.js';
import { loadFixturePlugin } from '../../support/fixture-plugins.js';
import { spendUntilIdle } from '../../support/process-time.js';
import { readGguf, type StoredGgufTensor } from '../../../src/plugins/exporters/gguf/read-gguf.js';
import { countGgufBytes } from '../../../src/plugins/exporters/gguf/write-gguf.js';
import { readOnnxTensors } from '../../../src/engine/graph/read-onnx.js';
import {
  DEMO,
  demoLayers,
  MAGNITUDE,
  MODELS_ROOT,
  readWeights,
  refusalOf,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer({
    plugins: await Promise.all(
      ['endless-open', 'logits-alone'].map((name) => loadFixturePlugin(`exporters/${name}.mjs`)),
    ),
  });
  await cp(join(MODELS_ROOT, DEMO), verbs.path('models', 'moving'), { recursive: true });
  await cp(join(MODELS_ROOT, DEMO, 'stories.json'), verbs.path('texts', 'stories.json'), { recursive: true });
  await prune('sharded', { model: 'moving', exporter: { id: 'hf', options: { shard_bytes: 1_000_000 } } });
});
afterAll(() => verbs[Symbol.asyncDispose]());

/** A little is removed: the weights still need two files of a million bytes. */
const SELECTION = { $case: 'uniformRate', value: 0.02 } as const;
const text = (path: string) => ({ source: { $case: 'path', value: path } }) as const;
const MENDED = { calibration: { text: text('stories.json'), sequences: 16 } } as const;

function prune(output: string, request: DeepPartial<PruneRequest> = {}) {
  return verbs.client.runPrune({
    model: DEMO,
    recipe: MAGNITUDE,
    selection: SELECTION,
    output,
    ...request,
  } as DeepPartial<PruneRequest>);
}

async function verify(request: Parameters<VerbServer['client']['services']['files']['verifyOutput']>[0]) {
  const checks: OutputCheck[] = [];
  for await (const { event } of verbs.client.services.files.verifyOutput(request))
    if (event?.$case === 'check') checks.push(event.value);
  return checks;
}

/** `failed files config.json`, for each check that did not pass. */
const describeFaults = (checks: readonly OutputCheck[]): string[] =>
  checks
    .filter(({ outcome }) => outcome !== CheckOutcome.PASSED)
    .map(({ name, outcome, file }) =>
      [outcome === CheckOutcome.FAILED ? 'failed' : 'not checked', name, file].join(' '),
    );

/** What comes after damage: the rest is not opened. */
const UNOPENED = ['not checked sizes ', 'not checked weights ', 'not checked logits '];

/** Two seconds are promised. The rest is for a busy machine: what hangs here never ends by itself. */
const SOON_MS = 15_000;

const at = (...parts: string[]): string => verbs.path('outputs', ...parts);

async function readManifest(output: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(at(output, 'prunecast.json'), 'utf8')) as Record<string, unknown>;
}

/** By the sizes in the headers of its files. */
async function countWeights(output: string): Promise<number> {
  let count = 0;
  for (const file of Object.keys((await readManifest(output))['files'] as object).filter((name) =>
    name.endsWith('.safetensors'),
  )) {
    const { __metadata__: _, ...tensors } = (await readWeights(at(output, file))).header;
    for (const { shape } of Object.values(tensors)) count += shape.reduce((product, size) => product * size, 1);
  }
  return count;
}

/** Changes an output so that its digests fit, as a program that writes it wrong would. */
async function forge(
  output: string,
  change: (manifest: Record<string, unknown>) => void | Promise<void> = () => undefined,
): Promise<void> {
  const { manifest_digest: _, ...manifest } = await readManifest(output);
  await change(manifest);
  for (const file of Object.keys((manifest['digests'] ?? {}) as object)) {
    const bytes = await readFile(at(output, file));
    (manifest['digests'] as Record<string, string>)[file] = createHash('sha256').update(bytes).digest('hex');
    (manifest['files'] as Record<string, number>)[file] = bytes.length;
  }
  const digest = createHash('sha256').update(canonicalJson(manifest)).digest('hex');
  await writeFile(at(output, 'prunecast.json'), JSON.stringify({ ...manifest, manifest_digest: digest }));
}

/** Does something with an output that is put back afterwards. */
async function spoil(output: string, change: () => Promise<void>): Promise<OutputCheck[]> {
  await cp(at(output), verbs.path('kept'), { recursive: true });
  try {
    await change();
    return await verify({ output });
  } finally {
    await rm(at(output), { recursive: true });
    await rename(verbs.path('kept'), at(output));
  }
}

async function flipBit(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

describe('VerifyOutput', () => {
  it('passes what was written, and says what it compared', async () => {
    const checks = await verify({ output: 'sharded' });
    expect(checks.map(({ name, outcome }) => [name, outcome])).toEqual(
      ['manifest', 'files', 'sizes', 'weights', 'logits'].map((name) => [name, CheckOutcome.PASSED]),
    );
    const [, , , weights, logitsCheck] = checks;
    // The embedding, nine tensors in each of five layers, and the last norm.
    expect(weights?.weights).toEqual({ tensors: 47, values: BigInt(await countWeights('sharded')), wrong: [] });
    const { logits, unrounded } = logitsCheck ?? {};
    expect(logits).toMatchObject({ tokens: 64, agreements: 64, shareLimit: 1e-3 });
    expect(unrounded).toBeUndefined();
    expect(logits?.most).toBeLessThan(1e-3);
  });

  it('names each file in which a bit has flipped', { timeout: 60_000 }, async () => {
    const files = Object.keys((await readManifest('sharded'))['files'] as object);
    expect(files).toEqual(
      expect.arrayContaining(['config.json', 'README.md', 'tokenizer.json', 'model-00002-of-00002.safetensors']),
    );
    for (const file of files)
      expect(describeFaults(await spoil('sharded', () => flipBit(at('sharded', file))))).toEqual([
        `failed files ${file}`,
        ...UNOPENED,
      ]);
  });

  it('names what was cut short, removed, swapped, edited or added', { timeout: 60_000 }, async () => {
    const [first, second] = [1, 2].map((shard) => `model-0000${shard}-of-00002.safetensors`) as [string, string];
    const cases: Readonly<Record<string, readonly [change: () => Promise<void>, faults: readonly string[]]>> = {
      'cut short': [() => truncate(at('sharded', first), 500_000), [`failed files ${first}`, ...UNOPENED]],
      removed: [() => rm(at('sharded', second)), [`failed files ${second}`, ...UNOPENED]],
      swapped: [
        async () => {
          await rename(at('sharded', first), at('sharded', 'x'));
          await rename(at('sharded', second), at('sharded', first));
          await rename(at('sharded', 'x'), at('sharded', second));
        },
        [`failed files ${first}`, `failed files ${second}`, ...UNOPENED],
      ],
      'an edited configuration': [
        async () => {
          const config = await readFile(at('sharded/config.json'), 'utf8');
          await writeFile(
            at('sharded/config.json'),
            config.replace('"rms_norm_eps": 0.00001', '"rms_norm_eps": 0.00002'),
          );
        },
        ['failed files config.json', ...UNOPENED],
      ],
      'an edited manifest': [
        async () => {
          const manifest = await readFile(at('sharded/prunecast.json'), 'utf8');
          await writeFile(at('sharded/prunecast.json'), manifest.replace(/"seed": \d+/, '"seed": 77'));
        },
        ['failed manifest prunecast.json', ...UNOPENED],
      ],
      'a broken manifest': [() => truncate(at('sharded/prunecast.json'), 100), ['failed manifest prunecast.json']],
      added: [() => writeFile(at('sharded', 'notes.txt'), 'mine'), ['not checked files notes.txt']],
    };
    for (const [name, [change, faults]] of Object.entries(cases))
      expect([name, describeFaults(await spoil('sharded', change))]).toEqual([name, faults]);
  });

  it('finds by the sizes and the logits what was written wrong, with digests that fit', {
    timeout: 60_000,
  }, async () => {
    await prune('wrong');
    const wrongWeights = await spoil('wrong', async () => {
      // The last bytes are of the last tensor by name order: a row of the model's end.
      const weights = await readFile(at('wrong/model.safetensors'));
      weights.fill(0, weights.length - 40_000);
      await writeFile(at('wrong/model.safetensors'), weights);
      await forge('wrong');
    });
    expect(describeFaults(wrongWeights)).toEqual(['failed weights ', 'not checked logits ']);
    const wrongRotation = await spoil('wrong', async () => {
      const config = JSON.parse(await readFile(at('wrong/config.json'), 'utf8')) as object;
      await writeFile(at('wrong/config.json'), JSON.stringify({ ...config, rope_theta: 500 }));
      await forge('wrong');
    });
    expect(describeFaults(wrongRotation)).toEqual(['failed logits ']);
    const wrongUnits = await spoil('wrong', async () => {
      await prune('fewer', { selection: { $case: 'uniformRate', value: 0.25 } });
      await forge('wrong', async (manifest) => {
        manifest['kept_units'] = (await readManifest('fewer'))['kept_units'];
      });
    });
    expect(describeFaults(wrongUnits)).toEqual(['failed sizes ', 'not checked weights ', 'not checked logits ']);
  });

  it('says what it could not check, and why', { timeout: 60_000 }, async () => {
    await prune('earlier');
    const earlier = await spoil('earlier', async () => {
      const { manifest_digest: _, digests: _own, ...rest } = await readManifest('earlier');
      await writeFile(at('earlier/prunecast.json'), JSON.stringify(rest));
    });
    expect(describeFaults(earlier)).toEqual(['not checked manifest ', 'not checked files ']);
    const trained = await spoil('earlier', () =>
      forge('earlier', (manifest) => {
        manifest['recovery'] = { plugin: { id: 'distill', options: {} } };
      }),
    );
    expect(trained.at(-1)).toMatchObject({
      name: 'logits',
      outcome: CheckOutcome.NOT_CHECKED,
      finding: expect.stringContaining('it was trained after it was cut') as string,
    });
    expect(trained.find(({ name }) => name === 'sizes')).toMatchObject({ outcome: CheckOutcome.PASSED });
    await rename(verbs.path('models/moving'), verbs.path('models/moved'));
    expect((await verify({ output: 'sharded' })).at(-1)).toMatchObject({
      name: 'logits',
      outcome: CheckOutcome.NOT_CHECKED,
      finding: 'the checkpoint that it was cut from, moving, is not at hand as it was: name it in `model`',
    });
    expect(describeFaults(await verify({ output: 'sharded', model: 'moved' }))).toEqual([]);
    expect(await refusalOf(verbs, () => verify({ output: 'sharded', model: 'fewer' }))).toMatchObject({
      reason: 'INVALID_REQUEST',
      fields: ['model'],
    });
    expect(await refusalOf(verbs, () => verify({ output: 'no-such-output' }))).toMatchObject({
      reason: 'OUTPUT_NOT_FOUND',
      fields: ['output'],
    });
  });

  it('compares mended weights while the text is at hand, or the same text elsewhere', { timeout: 60_000 }, async () => {
    await prune('mended', { recipe: { ...MENDED, criterion: { id: 'obs' }, compensation: { id: 'least-squares' } } });
    expect(describeFaults(await verify({ output: 'mended' }))).toEqual([]);
    const stories = await readFile(verbs.path('texts/stories.json'), 'utf8');
    await rm(verbs.path('texts/stories.json'));
    for (const check of (await verify({ output: 'mended' })).slice(3))
      expect(check).toMatchObject({
        outcome: CheckOutcome.NOT_CHECKED,
        finding: 'the text that its weights were compensated on, stories.json, is not at hand: name it in `text`',
      });
    await writeFile(verbs.path('texts/elsewhere.json'), stories);
    expect(describeFaults(await verify({ output: 'mended', text: text('elsewhere.json') }))).toEqual([]);
    await writeFile(verbs.path('texts/other.json'), stories.replaceAll('girl', 'boy'));
    const withOther = () => verify({ output: 'mended', text: text('other.json') });
    expect(await refusalOf(verbs, withOther)).toMatchObject({ reason: 'INVALID_REQUEST' });
    await writeFile(verbs.path('texts/other.json'), '["Too short."]');
    expect(await refusalOf(verbs, withOther)).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['text'] });
    await writeFile(verbs.path('texts/stories.json'), stories);
  });

  it('verifies each form of an output in its folder', { timeout: 60_000 }, async () => {
    await prune('forms', {
      exports: [{ exporter: { id: 'hf' } }, { exporter: { id: 'gguf', options: { type: 'bf16' } } }],
    });
    const checks = await verify({ output: 'forms' });
    expect(describeFaults(checks)).toEqual([]);
    expect(checks.filter(({ name }) => name === 'logits').map(({ folder }) => folder)).toEqual(['hf', 'gguf']);
  });

  it('compares the logits alone if its exporter reads no weights back', async () => {
    await prune('closed', { exporter: { id: 'logits-alone', options: { type: 'f16' } } });
    expect(describeFaults(await verify({ output: 'closed' }))).toEqual(['not checked weights ']);
  });

  it.runIf(process.platform === 'linux').each([
    ['mended', 'comparing the weights'],
    ['mended', 'computing its logits'],
    ['mended', 'computing those of the source'],
    ['mended', 'computing those of the same weights'],
    ['never-opened', 'opening the output'],
  ])('ends with its caller, and computes nothing more: %s, %s', async (output, activity) => {
    if (output === 'never-opened') await prune(output, { exporter: { id: 'endless-open' } });
    const cancel = new AbortController();
    const amounts: string[] = [];
    const ended = (async () => {
      for await (const { event } of verbs.client.services.files.verifyOutput({ output }, { signal: cancel.signal })) {
        if (event?.$case !== 'progress' || event.value.activity !== activity) continue;
        const { done, unit } = event.value;
        amounts.push(`${done} ${unit}`);
        // What does not tell how far it is, its seconds tell of.
        if (output !== 'never-opened' || done > 1n) cancel.abort();
      }
    })();
    await expect(ended).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(amounts.at(-1)).toMatch(output === 'never-opened' ? /^[2-9] seconds$/ : /^\d+ (bytes|layers|)$/);
    expect(await spendUntilIdle(SOON_MS)).toBeLessThan(2000);
  });
});

/** What rounds: to 8 and 4 bits in blocks, and to 8 bits in files beside the graph. */
const QUANTISED: Pick<DeepPartial<PruneRequest>, 'exports'> = {
  exports: [
    { name: 'q8', exporter: { id: 'gguf', options: { type: 'q8_0' } } },
    { name: 'q4', exporter: { id: 'gguf', options: { type: 'q4_0' } } },
    { name: 'int8', exporter: { id: 'onnx', options: { dtype: 'int8', shard_bytes: 1_000_000 } } },
  ],
};

/** What rounds and has no blocks: the zeros in place of a half that left a bias are narrower than one. */
const ROUNDED: typeof QUANTISED = {
  exports: [
    { exporter: { id: 'gguf', options: { type: 'bf16' } } },
    { exporter: { id: 'hf', options: { dtype: 'float16' } } },
    { exporter: { id: 'onnx', options: { dtype: 'int8' } } },
  ],
};

const architecture = (counts: Parameters<typeof demoLayers>[0]) =>
  ({ $case: 'architecture', value: { layers: demoLayers(counts) } }) as const;

/** Half of the heads and a fifth of the channels: three quarters of what the layers have. */
const HEAVILY_PRUNED = architecture([0, 1, 2, 3, 4].map(() => [2, 32]));

describe('VerifyOutput of weights that were rounded', () => {
  it('passes a heavily pruned model in 8 and in 4 bits, and tells what rounding costs', {
    timeout: 60_000,
  }, async () => {
    await prune('heavily', { selection: HEAVILY_PRUNED, ...QUANTISED });
    const checks = await verify({ output: 'heavily' });
    expect(describeFaults(checks)).toEqual([]);
    const [q8, q4, int8] = checks.filter(({ name }) => name === 'logits');
    for (const check of [q8, q4, int8]) expect(check?.logits).toMatchObject({ agreements: 64, shareLimit: 1e-3 });
    // A step of 4 bits is 16 times one of 8.
    expect((q4?.unrounded?.share ?? 0) / (q8?.unrounded?.share ?? 1)).toBeGreaterThan(4);
    expect(int8?.unrounded?.share).toBeLessThan(0.2);
    expect(q4?.finding).toMatch(
      /root mean square difference .* with the same|of the same weights \(at most 0\.1 %\).*Q4_0/,
    );
  });

  it.each<[string, DeepPartial<Recipe>, typeof QUANTISED]>([
    ['layers that differ, halves and a layer that are dropped', MAGNITUDE, QUANTISED],
    [
      'the same, with biases in their place, and weights that are mended',
      { ...MENDED, criterion: { id: 'magnitude' }, compensation: { id: 'affine' } },
      ROUNDED,
    ],
  ])('passes %s', { timeout: 60_000 }, async (name, recipe, forms) => {
    const selection = architecture([
      [4, 64],
      [0, 32],
      [0, 0],
      [2, 0],
      [2, 96],
    ]);
    await prune(name, { recipe, selection, ...forms });
    expect(describeFaults(await verify({ output: name }))).toEqual([]);
  });

  it('finds tensors of two layers that were swapped, though 4 bits leave little of the logits', async () => {
    const checks = await spoil('heavily', async () => {
      await change('heavily/q4', ({ bytes, tensor }) => {
        const [one, other] = [tensor('blk.1.ffn_down.weight'), tensor('blk.2.ffn_down.weight')];
        const kept = Uint8Array.from(one);
        one.set(other);
        other.set(kept);
        return bytes;
      });
      await forge('heavily/q4');
      await forge('heavily');
    });
    expect(describeFaults(checks)).toEqual(['failed weights ', 'not checked logits ']);
    expect(checks.find(({ outcome }) => outcome === CheckOutcome.FAILED)).toMatchObject({
      folder: 'q4',
      weights: { wrong: [1, 2].map((layer) => `model.layers.${layer}.mlp.down_proj.weight`) },
      finding: expect.stringMatching(
        /^2 of 47 tensors .*model\.layers\.1\.mlp\.down_proj\.weight has \d+ of 2048, the first at \[0, \d+\]: /,
      ) as string,
    });
  });

  it('finds one value two steps away, in either format', async () => {
    const moved = await spoil('heavily', async () => {
      await change('heavily/q8', ({ bytes, tensor }) => {
        moveByTwo(tensor('blk.3.attn_v.weight'), 34 * 5 + 2 + 7); // of the sixth block its eighth value
        return bytes;
      });
      const place = { directory: at('heavily/int8'), roots: [at('heavily/int8')] };
      const stored = await readOnnxTensors(place, 'onnx/model_quantized.onnx');
      const { file = '', offset = 0 } = stored.get('model.layers.0.mlp.up_proj.weight_Q8') ?? {};
      const bytes = await readFile(at('heavily/int8', file));
      moveByTwo(bytes, offset + 3 * 64 + 9); // of the fourth channel the tenth input
      await writeFile(at('heavily/int8', file), bytes);
      await forge('heavily/q8');
      await forge('heavily/int8');
      await forge('heavily');
    });
    expect(moved.flatMap(({ weights }) => weights?.wrong ?? [])).toEqual([
      'model.layers.3.self_attn.v_proj.weight',
      'model.layers.0.mlp.up_proj.weight',
    ]);
    expect(moved.map(({ finding }) => finding).join('\n')).toMatch(
      /v_proj\.weight has 1 of 1024, the first at \[2, 39\].*up_proj\.weight has 1 of 2048, the first at \[3, 9\]/s,
    );
  });

  it('finds by the logits what is wrong beside the weights', async () => {
    const checks = await spoil('heavily', async () => {
      await change('heavily/q4', ({ bytes }) => {
        const key = 'llama.rope.freq_base';
        const place = bytes.indexOf(key) + key.length + 4; // after the type of the value
        expect(bytes.readFloatLE(place)).toBe(10_000);
        bytes.writeFloatLE(9000, place);
        return bytes;
      });
      await forge('heavily/q4');
      await forge('heavily');
    });
    expect(describeFaults(checks)).toEqual(['failed logits ']);
  });

  it('finds weights that were not mended, though 4 bits hide much', { timeout: 60_000 }, async () => {
    const recipe = { ...MENDED, criterion: { id: 'magnitude' } };
    const q4 = { exporter: { id: 'gguf', options: { type: 'q4_0' } } };
    const selection = architecture([0, 1, 2, 3, 4].map(() => [4, 160]));
    await prune('fitted', { recipe: { ...recipe, compensation: { id: 'least-squares' } }, selection, ...q4 });
    await prune('unfitted', { recipe: { ...recipe, compensation: { id: 'none' } }, selection, ...q4 });
    const checks = await spoil('fitted', async () => {
      await cp(at('unfitted/model.gguf'), at('fitted/model.gguf'));
      await forge('fitted');
    });
    expect(describeFaults(checks)).toEqual(['failed weights ', 'not checked logits ']);
    expect(checks.find(({ weights }) => weights !== undefined)?.weights?.wrong).toEqual(
      [0, 1, 2, 3, 4].map((layer) => `model.layers.${layer}.mlp.down_proj.weight`),
    );
  });
});

/** Changes the GGUF file of an output. */
async function change(
  output: string,
  edit: (file: { readonly bytes: Buffer; readonly tensor: (name: string) => Buffer }) => Buffer,
): Promise<void> {
  const path = at(output, 'model.gguf');
  const { tensors, close } = await readGguf(path);
  await close();
  const bytes = await readFile(path);
  const tensor = (name: string): Buffer => {
    const entry = tensors.get(name) as StoredGgufTensor;
    return bytes.subarray(entry.offset, entry.offset + countGgufBytes(entry));
  };
  await writeFile(path, edit({ bytes, tensor }));
}

/** A byte, away from the end of its range that is nearer, whether it has a sign or counts from 128. */
function moveByTwo(bytes: Buffer, place: number): void {
  const value = bytes.readUInt8(place);
  bytes.writeUInt8(value + (value % 128 < 64 ? 2 : -2), place);
}

it.each([
  ['all layers alike, by least squares, in bfloat16', { id: 'least-squares' }, SELECTION, { dtype: 'bfloat16' }],
  [
    'a budget shared by calibration errors, by a fit on the stream',
    { id: 'least-squares', options: { fit: 'stream' } },
    { $case: 'budgets', value: { budgets: [{ limit: { $case: 'removedShare', value: 0.3 } }] } },
    {},
  ],
] as const)(
  'Prune reproduces mended weights to the byte from prunecast.json: %s',
  { timeout: 60_000 },
  async (_, compensation, selection, options) => {
    const exporter = { id: 'hf', options };
    const name = `again-${Object.keys(options).length}`;
    await prune(name, {
      recipe: { ...MENDED, criterion: { id: 'obs' }, compensation },
      selection: selection as DeepPartial<PruneRequest>['selection'],
      exporter,
    } as DeepPartial<PruneRequest>);
    const manifest = await readManifest(name);
    await prune(`${name}-b`, {
      recipe: undefined,
      selection: { $case: 'manifest', value: manifest },
      exporter,
    } as DeepPartial<PruneRequest>);
    const { digests } = await readManifest(`${name}-b`);
    expect(digests).toMatchObject({
      'model.safetensors': (manifest['digests'] as Record<string, string>)['model.safetensors'],
    });
    expect(await readFile(at(`${name}-b`, 'model.safetensors'))).toEqual(await readFile(at(name, 'model.safetensors')));
  },
);
