import { statSync } from 'node:fs';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ReportFormat,
  type DeepPartial,
  type ExportSpec,
  type PruneRequest,
  type PruneResult,
} from '../../../src/client/index.js';
import { loadFixturePlugin } from '../../support/fixture-plugins.js';
import {
  CALIBRATION,
  DEMO,
  demoLayers,
  MAGNITUDE,
  MODELS_ROOT,
  readWeights,
  refusalOf,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  const fixtures = ['exporters/wordless.mjs', 'counting-compensation.mjs'];
  verbs = await startVerbServer({ plugins: await Promise.all(fixtures.map(loadFixturePlugin)) });
});
afterAll(() => verbs[Symbol.asyncDispose]());

const BOTH: DeepPartial<ExportSpec>[] = [{ exporter: { id: 'hf' } }, { name: 'small', exporter: { id: 'gguf' } }];

/** Dropped halves, the first layer's attention among them, and a layer without either. */
const HALVES = [
  { kvHeads: 0, queryHeadsPerKv: 0, ffnChannels: 128 },
  { kvHeads: 4, queryHeadsPerKv: 2, ffnChannels: 0 },
  { kvHeads: 0, queryHeadsPerKv: 0, ffnChannels: 0 },
  { kvHeads: 0, queryHeadsPerKv: 0, ffnChannels: 160 },
  { kvHeads: 4, queryHeadsPerKv: 2, ffnChannels: 96 },
];

/** A quarter less everywhere, with compensated weights. */
function prune(changes: DeepPartial<PruneRequest>): Promise<PruneResult> {
  return verbs.client.runPrune({
    model: DEMO,
    selection: { $case: 'uniformRate', value: 0.25 },
    recipe: { calibration: CALIBRATION },
    ...changes,
  });
}

/** The bytes that a plan states of the same. */
async function planDisk(changes: DeepPartial<PruneRequest>): Promise<number> {
  const { diskBytes } = await verbs.client.planPrune({
    model: DEMO,
    selection: { $case: 'uniformRate', value: 0.25 },
    ...changes,
  });
  return Number(diskBytes);
}

/** How many bytes more a plan states for two forms together than for each of them. */
async function planBeside(changes: DeepPartial<PruneRequest>): Promise<number> {
  const [hf, gguf, both] = [
    await planDisk({ ...changes, exports: BOTH.slice(0, 1) }),
    await planDisk({ ...changes, exports: BOTH.slice(1) }),
    await planDisk({ ...changes, exports: BOTH }),
  ];
  return both - hf - gguf;
}

const filesIn = async (output: string): Promise<string[]> =>
  (await readdir(verbs.path('outputs', output), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(verbs.path('outputs', output).length + 1))
    .toSorted();

const manifestOf = async (output: string) =>
  JSON.parse(await readFile(verbs.path('outputs', output, 'prunecast.json'), 'utf8')) as Record<string, unknown>;

describe('an output in several forms', () => {
  let both: PruneResult;
  beforeAll(async () => {
    both = await prune({ output: 'both', exports: BOTH });
  });

  it('has the same bytes in each folder as outputs of one exporter each, compensated anew', async () => {
    const hf = await prune({ output: 'alone/hf' });
    const gguf = await prune({ output: 'alone/gguf', exporter: { id: 'gguf' } });
    for (const [folder, alone, weights] of [
      ['both/hf', hf, 'model.safetensors'],
      ['both/small', gguf, 'model.gguf'],
    ] as const) {
      expect(await filesIn(folder)).toEqual(await filesIn(alone.output));
      const [written, expected] = await Promise.all(
        [folder, alone.output].map((output) => readFile(verbs.path('outputs', output, weights))),
      );
      expect(written?.equals(expected ?? Buffer.alloc(0))).toBe(true);
      // What names the job differs, and with it the digest of the whole; the model card is the same.
      const [manifest, expectedManifest] = await Promise.all([folder, alone.output].map(manifestOf));
      const own = { job_id: null, manifest_digest: null };
      expect({ ...manifest, ...own }).toEqual({ ...expectedManifest, ...own });
    }
    expect(both.exports.map(({ output, exporter, loadsIn }) => ({ output, exporter, loadsIn }))).toEqual([
      { output: 'both/hf', exporter: 'hf', loadsIn: hf.loadsIn },
      { output: 'both/small', exporter: 'gguf', loadsIn: gguf.loadsIn },
    ]);
    expect(both.exports.map(({ files, bytes, costs }) => ({ files, bytes, costs }))).toMatchObject([
      { files: hf.files, costs: hf.costs },
      { files: gguf.files, costs: gguf.costs },
    ]);
  });

  const halves = { $case: 'architecture', value: { layers: HALVES } } as const;
  const fitted = { recipe: { calibration: CALIBRATION, compensation: { id: 'mean' } } };
  it.each<[string, DeepPartial<PruneRequest>, number]>([
    [
      'five of a model without some halves',
      {
        selection: halves,
        recipe: MAGNITUDE,
        exports: [
          { name: 'f16', exporter: { id: 'gguf' } },
          { name: 'f32', exporter: { id: 'gguf', options: { type: 'f32' } } },
          { exporter: { id: 'hf', options: { dtype: 'float16' } } },
          { name: 'float32', exporter: { id: 'onnx' } },
          { name: 'int8', exporter: { id: 'onnx', options: { dtype: 'int8' } } },
        ],
      },
      0,
    ],
    ['a checkpoint with added biases', { selection: halves, ...fitted }, 0],
    ['a file with added biases', { selection: halves, ...fitted, exporter: { id: 'gguf' } }, 0],
    // Of each of 5 layers 48 of 64 columns of o stay and 129 of 172 of down, each with 64 rows of 4 bytes, and biases.
    ['two with weights that are computed once', { ...fitted, exports: BOTH }, 5 * 64 * (48 + 129 + 2) * 4],
  ])('takes as much disk as is planned, to the byte: %s', async (name, changes, kept) => {
    const request = { output: `planned/${name}`, ...changes };
    const planned = await planDisk(request);
    await prune(request);
    const sizes = (await filesIn(request.output)).map(
      (file) => statSync(verbs.path('outputs', request.output, file)).size,
    );
    expect(planned).toBe(sizes.reduce((sum, size) => sum + size, kept));
  });

  it('takes room for all maps of a training until its forms are written', async () => {
    const recovery = { plugin: { id: 'distill' }, text: CALIBRATION };
    const training =
      (await planDisk({ recipe: MAGNITUDE, recovery, exports: BOTH.slice(1) })) -
      (await planDisk({ recipe: MAGNITUDE, exports: BOTH.slice(1) }));
    const kept = (await planBeside({ recipe: MAGNITUDE, recovery })) - (await planBeside({ recipe: MAGNITUDE }));
    // q, k, v and o with 48, 24, 24 and 48 rows, and three of the FFN.
    expect(kept + training).toBe(5 * 64 * (48 + 24 + 24 + 48 + 3 * 129) * 4);
  });

  it('is compensated once for all its forms, by a compensation without statistics too', async () => {
    const log = verbs.path('compensated.txt');
    const recipe = { ...MAGNITUDE, compensation: { id: 'counting', options: { log } } };
    await prune({ output: 'counted', exports: [...BOTH, { exporter: { id: 'onnx' } }], recipe });
    const counted = await readFile(log, 'utf8');
    expect(counted.trim().split('\n').toSorted()).toEqual([
      ...Array.from({ length: 5 }, () => '129 of 172'),
      ...Array.from({ length: 5 }, () => '48 of 64'),
    ]);
  });

  it('has the weights that such a compensation gives, also when its manifest is pruned again', async () => {
    const options = { log: verbs.path('doubled.txt'), factor: 2 };
    await prune({ output: 'cut', recipe: MAGNITUDE });
    await prune({ output: 'doubled', recipe: { ...MAGNITUDE, compensation: { id: 'counting', options } } });
    await prune({ output: 'doubled-again', selection: { $case: 'earlierOutput', value: 'doubled' }, recipe: {} });
    const [cut, doubled, again] = await Promise.all(
      ['cut', 'doubled', 'doubled-again'].map((output) =>
        readWeights(verbs.path('outputs', output, 'model.safetensors')),
      ),
    );
    const read = (weights: typeof cut): number[] => {
      const [from = NaN, to = NaN] = weights?.header['model.layers.3.mlp.down_proj.weight']?.data_offsets ?? [];
      return [...new Float32Array(Uint8Array.from(weights?.values.subarray(from, to) ?? []).buffer)];
    };
    expect(read(cut)).toHaveLength(64 * 129);
    expect(read(doubled)).toEqual(read(cut).map((weight) => 2 * weight));
    expect(again?.values.equals(doubled?.values ?? Buffer.alloc(0))).toBe(true);
  });

  it('is one output with all files in its manifest, and each folder another', async () => {
    const files = await filesIn('both');
    expect(both.files.toSorted()).toEqual(files);
    expect(files).toEqual(expect.arrayContaining(['hf/prunecast.json', 'small/model.gguf', 'prunecast.json']));
    const manifest = await manifestOf('both');
    expect(Object.keys(manifest['files'] as object)).toEqual(files.filter((file) => file !== 'prunecast.json'));
    expect(manifest['exports']).toMatchObject([
      { folder: 'hf', exporter: { id: 'hf' } },
      { folder: 'small', exporter: { id: 'gguf', options: { type: 'f16' } } },
    ]);
    const { outputs } = await verbs.client.services.files.listOutputs({ folder: 'both' });
    expect(outputs.map(({ output, exporter, fault }) => [output, exporter, fault])).toEqual([
      ['both', '', ''],
      ['both/hf', 'hf', ''],
      ['both/small', 'gguf', ''],
    ]);
    expect(outputs.map(({ bytes }) => bytes)).toEqual([both.bytes, ...both.exports.map(({ bytes }) => bytes)]);
  });

  it('can be named as a whole and by its folders: downloaded, and pruned again to the same weights', async () => {
    const whole = verbs.path('downloaded');
    expect((await verbs.client.download('both', whole)).files).toBe(both.files.length);
    expect(await readFile(join(whole, 'small/model.gguf'))).toEqual(
      await readFile(verbs.path('outputs/both/small/model.gguf')),
    );
    expect((await verbs.client.download('both/small', verbs.path('small'))).files).toBe(both.exports[1]?.files.length);
    for (const [index, earlierOutput] of ['both', 'both/small'].entries()) {
      await prune({
        output: `again/${index}`,
        selection: { $case: 'earlierOutput', value: earlierOutput },
        recipe: { calibration: { text: CALIBRATION.text } },
      });
      const [again, first] = await Promise.all(
        [`again/${index}`, 'both/hf'].map((output) => readWeights(verbs.path('outputs', output, 'model.safetensors'))),
      );
      expect(again?.values.equals(first?.values ?? Buffer.alloc(0))).toBe(true);
    }
    expect(await refusalOf(verbs, () => verbs.client.services.models.inspectModel({ model: 'both' }))).toMatchObject({
      reason: 'MODEL_NOT_FOUND',
      message: expect.stringContaining('its folder hf is a checkpoint: name that') as string,
    });
  });

  it('is replaced as a whole, unless something else lies in it', async () => {
    await prune({ output: 'replaced', exports: BOTH });
    expect(
      await refusalOf(verbs, () =>
        prune({ output: 'replaced/other', selection: { $case: 'uniformRate', value: 0.5 } }),
      ),
    ).toMatchObject({ reason: 'OUTPUT_PROTECTED' });
    await prune({ output: 'replaced', overwrite: true });
    expect(await filesIn('replaced')).not.toContain('hf/prunecast.json');
    await prune({ output: 'replaced', exports: BOTH, overwrite: true });
    await writeFile(verbs.path('outputs/replaced/hf/notes.txt'), 'mine');
    expect(await refusalOf(verbs, () => prune({ output: 'replaced', overwrite: true }))).toMatchObject({
      reason: 'OUTPUT_PROTECTED',
      message: expect.stringContaining('hf/notes.txt') as string,
    });
  });

  it('is not there if one of its exporters fails', async () => {
    const exports = [{ exporter: { id: 'hf' } }, { exporter: { id: 'wordless' } }];
    await expect(prune({ output: 'torn', exports })).rejects.toMatchObject({
      reason: 'PLUGIN_INVALID',
      message: expect.stringMatching(
        /^exports\[1\]\.exporter: .*"wordless".*; no form of the output is written$/s,
      ) as string,
    });
    expect(await readdir(verbs.path('outputs'))).not.toContain('torn');
  });

  it('is written for the winner of a search too, whose report tells of each form, and what all lack', async () => {
    await cp(join(MODELS_ROOT, DEMO), verbs.path('models/mute'), {
      recursive: true,
      filter: (file) => !file.endsWith('tokenizer.json'),
    });
    const exports = [{ exporter: { id: 'hf' } }, { name: 'graph', exporter: { id: 'onnx' } }];
    const search = smallSearch({ model: 'mute', output: 'winner', exports });
    const report = await verbs.client.runSearch(search);
    expect(report.exports.map(({ output, exporter }) => [output, exporter])).toEqual([
      ['winner/hf', 'hf'],
      ['winner/graph', 'onnx'],
    ]);
    for (const { output, files, bytes, costs } of report.exports) {
      expect(files.toSorted()).toEqual(await filesIn(output));
      expect(files).not.toContain('tokenizer.json');
      const { outputs } = await verbs.client.services.files.listOutputs({ folder: output });
      expect(outputs).toMatchObject([{ output, bytes, studyId: report.studyId }]);
      expect(costs.length).toBeGreaterThan(0);
    }
    const lacks = [expect.stringMatching(/^the model has no tokenizer\.json, so its outputs have none/) as string];
    expect(report.notes).toEqual(lacks);
    const { document } = await verbs.client.services.studies.getStudyReport({
      studyId: report.studyId,
      format: ReportFormat.MARKDOWN,
    });
    expect(document).toContain('The model has no tokenizer.json, so its outputs have none');
    expect((await verbs.client.planSearch({ ...search, output: 'next' })).notes).toEqual(lacks);
    expect((await verbs.client.planSearch({ ...search, output: '', exports: [] })).notes).toEqual([]);
    expect((await verbs.client.services.models.inspectModel({ model: 'mute' })).notes).toEqual(lacks);
    const pruned = { model: 'mute', recipe: MAGNITUDE, selection: { $case: 'uniformRate', value: 0.25 } } as const;
    expect((await verbs.client.planPrune(pruned)).notes).toEqual(lacks);
    expect((await prune({ ...pruned, output: 'mute' })).notes).toEqual(lacks);
    expect(both.notes).toEqual([]);
  });

  it.each<[string, DeepPartial<PruneRequest>, string, RegExp]>([
    ['an exporter beside it', { exporter: { id: 'hf' }, exports: BOTH }, 'exporter', /is set beside exports/],
    [
      'two folders of one name',
      { exports: [{ exporter: { id: 'gguf' } }, { name: 'GGUF', exporter: { id: 'hf' } }] },
      'exports[1].name',
      /is "GGUF", as that of exports\[0\]: give each export a name of its own/,
    ],
    [
      'a folder that leads elsewhere',
      { exports: [{ name: '../up', exporter: { id: 'hf' } }] },
      'exports[0].name',
      /is "\.\.\/up": take letters/,
    ],
    [
      'an option that there is not',
      { exports: [{ exporter: { id: 'hf', options: { fro: 1 } } }] },
      'exports[0].exporter.options.fro',
      /no such option/,
    ],
    [
      'a form that cannot be written',
      {
        selection: { $case: 'architecture', value: { layers: demoLayers(Array.from({ length: 5 }, () => [4, 129])) } },
        exports: [{ exporter: { id: 'hf' } }, { exporter: { id: 'gguf', options: { type: 'q8_0' } } }],
      },
      'exports[1].exporter',
      /Q8_0 has blocks of 32 values, and the FFN channels of layer 0 are 129/,
    ],
    ['a place too deep for folders in it', { output: '1/2/3/4/5/6', exports: BOTH }, 'output', /at most 5 are allowed/],
  ])('is refused with %s', async (_, changes, field, message) => {
    const refused = await refusalOf(verbs, () => prune({ output: 'refused', ...changes }));
    expect(refused).toMatchObject({ fields: [field], message: expect.stringMatching(message) as string });
  });
});
