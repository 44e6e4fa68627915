import { createHash } from 'node:crypto';
import { cp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CheckOutcome, type DeepPartial, type OutputCheck, type PruneRequest } from '../../../src/client/index.js';
import { canonicalJson } from '../../../src/core/canonical-json.js';
import { DEMO, MAGNITUDE, MODELS_ROOT, refusalOf, startVerbServer, type VerbServer } from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
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
const UNOPENED = ['not checked sizes ', 'not checked logits '];

const at = (...parts: string[]): string => verbs.path('outputs', ...parts);

async function readManifest(output: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(at(output, 'prunecast.json'), 'utf8')) as Record<string, unknown>;
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
      ['manifest', 'files', 'sizes', 'logits'].map((name) => [name, CheckOutcome.PASSED]),
    );
    const { logits } = checks.at(-1) ?? {};
    expect(logits).toMatchObject({ tokens: 64, agreements: 64, shareLimit: 1e-3 });
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
    expect(describeFaults(wrongWeights)).toEqual(['failed logits ']);
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
    expect(describeFaults(wrongUnits)).toEqual(['failed sizes ', 'not checked logits ']);
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
    const [, , , logits] = await verify({ output: 'mended' });
    expect(logits).toMatchObject({
      outcome: CheckOutcome.NOT_CHECKED,
      finding: 'the text that its weights were mended on, stories.json, is not at hand: name it in `text`',
    });
    await writeFile(verbs.path('texts/elsewhere.json'), stories);
    expect(describeFaults(await verify({ output: 'mended', text: text('elsewhere.json') }))).toEqual([]);
    await writeFile(verbs.path('texts/other.json'), stories.replaceAll('girl', 'boy'));
    const withOther = () => verify({ output: 'mended', text: text('other.json') });
    expect(await refusalOf(verbs, withOther)).toMatchObject({ reason: 'INVALID_REQUEST' });
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

  it('ends with its caller', async () => {
    const cancel = new AbortController();
    const ended = (async () => {
      for await (const _ of verbs.client.services.files.verifyOutput({ output: 'mended' }, { signal: cancel.signal }))
        cancel.abort();
    })();
    await expect(ended).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

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
