import { existsSync } from 'node:fs';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { writeRandomCheckpoint } from '../../../bench/random-checkpoint.js';
import { createClient, type PrunecastClient } from '../../../src/client/index.js';
import { startServerChild, type ServerChild } from '../../support/server-child.js';
import { makeFolder } from '../../support/test-server.js';
import { DEMO, MODELS_ROOT, tokenText } from './verb-server.js';

const MIB = 2 ** 20;
const INSPECTED = 200;
const EVALUATED = 6;
const BUDGET_BYTES = 64 * MIB;

let folder: string;
let server: ServerChild;
let client: PrunecastClient;

beforeAll(async () => {
  folder = await makeFolder();
  await placeAlike('inspected', INSPECTED, async (directory) => {
    for (const file of ['config.json', 'model.safetensors', 'tokenizer.json'])
      await writeFile(join(directory, file), await readFile(join(MODELS_ROOT, DEMO, file)));
  });
  await placeAlike('evaluated', EVALUATED, (directory) =>
    writeRandomCheckpoint(directory, {
      model_type: 'llama',
      hidden_size: 256,
      intermediate_size: 704,
      num_attention_heads: 4,
      num_key_value_heads: 4,
      num_hidden_layers: 9,
      vocab_size: 1024,
      max_position_embeddings: 256,
      tie_word_embeddings: true,
    }),
  );
  server = await startServerChild(folder, {
    environment: {
      PRUNECAST_MODEL_ROOTS: join(folder, 'models'),
      PRUNECAST_MEMORY_BUDGET_BYTES: String(BUDGET_BYTES),
      PRUNECAST_OPEN_MODELS: '4',
      PRUNECAST_MODEL_IDLE_MS: '1000',
    },
  });
  client = createClient({ address: server.address });
});
afterAll(async () => {
  client.close();
  await server.signal('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** One checkpoint under many names; the configurations differ, so that each is a model of its own. */
async function placeAlike(name: string, count: number, write: (directory: string) => Promise<unknown>): Promise<void> {
  const first = join(folder, 'models', `${name}-1`);
  await mkdir(first, { recursive: true });
  await write(first);
  const config = JSON.parse(await readFile(join(first, 'config.json'), 'utf8')) as Record<string, unknown>;
  for (let model = 2; model <= count; model += 1) {
    const directory = join(folder, 'models', `${name}-${model}`);
    await mkdir(directory);
    await writeFile(join(directory, 'config.json'), JSON.stringify({ ...config, model }));
    for (const file of await readdir(first))
      if (file !== 'config.json') await link(join(first, file), join(directory, file));
  }
}

/** What the kernel says that the server holds. */
async function look(): Promise<{ readonly residentBytes: number; readonly threads: number; readonly files: number }> {
  const status = await readFile(`/proc/${server.processId}/status`, 'utf8');
  const [threads = 0, files = 0] = await Promise.all(
    ['task', 'fd'].map(async (kind) => (await readdir(`/proc/${server.processId}/${kind}`)).length),
  );
  return { residentBytes: 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]), threads, files };
}

describe.skipIf(!existsSync('/proc/self/task'))('a server that is asked about many models', () => {
  it('holds no more after it has inspected 200 one after another than after 10', async () => {
    const digests = new Set<string>();
    let after10 = await look();
    for (let model = 1; model <= INSPECTED; model += 1) {
      digests.add((await client.services.models.inspectModel({ model: `inspected-${model}` })).checkpointDigest);
      if (model === 10) after10 = await look();
    }
    const after200 = await look();
    expect(digests.size).toBe(INSPECTED);
    expect(after200.threads).toBeLessThanOrEqual(after10.threads + 1);
    expect(after200.files).toBeLessThanOrEqual(after10.files + 3);
    expect(after200.residentBytes - after10.residentBytes).toBeLessThan(48 * MIB); // it was 1.3 GB when each kept a thread
  });

  it('opens 40 of them asked for at once, without an error', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        client.services.models.inspectModel({ model: `inspected-${index + 1}` }),
      ),
    );
    expect(new Set(answers.map(({ checkpointDigest }) => checkpointDigest)).size).toBe(40);
  });

  it('stays within one memory budget when it computes with several that do not fit together, and gives back what nobody uses', async () => {
    const idle = await look();
    const text = tokenText(Array.from({ length: 512 }, (_, index) => index));
    let first: Awaited<ReturnType<typeof look>> | undefined;
    for (let model = 1; model <= EVALUATED; model += 1) {
      const [result] = await client.runEvaluate({
        model: `evaluated-${model}`,
        measurement: { text, windows: { window: 128 } },
      });
      expect(result?.metrics['perplexity']).toBeGreaterThan(1);
      first ??= await look();
    }
    const last = await look();
    // Float32 weights of 30 MB each, 150 MB beyond the first: with a budget for each all of them stayed.
    expect(last.residentBytes - (first?.residentBytes ?? NaN)).toBeLessThan(BUDGET_BYTES);
    expect(last.threads - (first?.threads ?? NaN)).toBeLessThanOrEqual(3);
    await vi.waitFor(async () => expect((await look()).threads).toBeLessThanOrEqual(idle.threads + 1), {
      timeout: 30_000,
      interval: 100,
    });
  });
});
