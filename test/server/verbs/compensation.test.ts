import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, type PrunecastClient } from '../../../src/client/index.js';
import { makeFolder, startTestServer, type TestServer } from '../../support/test-server.js';

const DEMO_MODEL = resolve(import.meta.dirname, '../../../models/stories260k');
const STORY = { source: { $case: 'path', value: 'stories.json' } } as const;
const WINDOWS = { window: 64, bos: true };
const CALIBRATED = { calibration: { text: STORY, sequences: 16, sequenceTokens: 64 } };

let folder: string;
let server: TestServer;
let client: PrunecastClient;

beforeAll(async () => {
  folder = await makeFolder();
  await cp(DEMO_MODEL, join(folder, 'models/demo'), { recursive: true });
  await mkdir(join(folder, 'texts'));
  await cp(join(DEMO_MODEL, 'stories.json'), join(folder, 'texts/stories.json'));
  server = await startTestServer({ folder });
  client = createClient({ address: server.address });
});

afterAll(async () => {
  client.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('a recipe with a compensation', () => {
  it('tells the calibration error of every width beside the scores, none where it knows none', async () => {
    const text = { ...CALIBRATED.calibration };
    const layers = [];
    for await (const layer of client.services.models.scoreUnits({ model: 'demo', recipe: { calibration: text, compensation: { id: 'least-squares' } } })) layers.push(layer);
    expect(layers).toHaveLength(5);
    for (const { ffnErrors, attentionErrors } of layers) {
      // 172 channels and 4 key-value groups, from none kept to all; each unit more leaves less, and all leave nothing.
      for (const [bytes, widths] of [[ffnErrors, 173], [attentionErrors, 5]] as const) {
        const errors = Array.from({ length: bytes.length / 4 }, (_, width) => bytes.readFloatLE(4 * width));
        expect(errors).toHaveLength(widths);
        errors.slice(1).forEach((error, width) => expect(error).toBeLessThanOrEqual(errors[width] ?? NaN));
        expect(errors.at(-1)).toBe(0);
        expect(errors[0]).toBeGreaterThan(0);
      }
    }
    for await (const { ffnErrors, attentionErrors } of client.services.models.scoreUnits({ model: 'demo', recipe: { calibration: text } })) {
      expect([ffnErrors.length, attentionErrors.length]).toEqual([0, 0]);
    }
  });

  // So few tokens are few for a fit on the stream.
  it.each([['one-shot', 0.9], ['stream', 1]])('writes the weights that least squares mended: %s', async (fit, most) => {
    const recipe = { ...CALIBRATED, compensation: { id: 'least-squares', options: { fit } } };
    const output = `mended-${fit}`;
    const selection = { $case: 'architecture', value: { layers: Array.from({ length: 5 }, (_, index) => ({ kvHeads: 3, queryHeadsPerKv: 2, ffnChannels: index === 4 ? 0 : 120 })) } } as const;
    await client.runPrune({ model: 'demo', selection, recipe, output });
    await cp(join(folder, 'outputs', output), join(folder, 'models', output), { recursive: true });
    const asked = { measurement: { text: STORY, windows: WINDOWS }, fidelity: { tokenLimit: 1280n } };
    const [mended] = await client.runEvaluate({ model: 'demo', targets: [{ target: selection }], recipe, ...asked });
    const [plain] = await client.runEvaluate({ model: 'demo', targets: [{ target: selection }], recipe: CALIBRATED, ...asked });
    const [loaded] = await client.runEvaluate({ model: output, ...asked });
    expect(Math.abs((loaded?.metrics['perplexity'] ?? NaN) / (mended?.metrics['perplexity'] ?? NaN) - 1)).toBeLessThan(1e-4);
    expect(mended?.metrics['perplexity']).toBeLessThan(most * (plain?.metrics['perplexity'] ?? NaN));

    const manifest = JSON.parse(await readFile(join(folder, 'outputs', output, 'prunecast.json'), 'utf8')) as Record<string, unknown>;
    await expect(client.runEvaluate({ model: 'demo', targets: [{ target: { $case: 'manifest', value: manifest } }], ...asked })).rejects.toMatchObject({ reason: 'NOT_IMPLEMENTED' });
  });
});
