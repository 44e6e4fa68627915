import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeRandomCheckpoint } from '../../../bench/random-checkpoint.js';
import { createClient, type PrunecastClient } from '../../../src/client/index.js';
import { BUILTIN_PLUGINS } from '../../../src/plugins/builtin/list.js';
import { DEMO_DIRECTORY } from '../../support/demo-model.js';
import { spendUntilIdle } from '../../support/process-time.js';
import { startServerChild, type ServerChild } from '../../support/server-child.js';
import { makeFolder } from '../../support/test-server.js';
import { MAGNITUDE } from './verb-server.js';

const EXPORTERS: readonly string[] = BUILTIN_PLUGINS.flatMap(({ plugin }) =>
  plugin.kind === 'exporter' ? [plugin.id] : [],
);

/** Two seconds are promised. The rest is for a busy machine. */
const SOON_MS = 15_000;

/** Processor time after a cancel; unlike time by the clock it is the same on a busy machine. */
const MOST_SPENT_MS = 2000;

/** 134 MB of weights: long enough to be interrupted while they are written. */
const THICK = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 1024,
  intermediate_size: 4096,
  num_attention_heads: 8,
  num_key_value_heads: 8,
  num_hidden_layers: 4,
  vocab_size: 512,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  bos_token_id: 1,
  hidden_act: 'silu',
};

let folder = '';
let model = '';
beforeAll(async () => {
  folder = await makeFolder();
  model = join(folder, 'models', 'thick');
  await mkdir(model, { recursive: true });
  await writeRandomCheckpoint(model, THICK);
  await copyFile(join(DEMO_DIRECTORY, 'tokenizer.json'), join(model, 'tokenizer.json'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const outputs = (...parts: readonly string[]): string => join(folder, 'outputs', ...parts);

/** An earlier output, and what it is known by. */
const OLD = { 'old.bin': 'old weights', 'prunecast.json': JSON.stringify({ files: { 'old.bin': 11 } }) };

async function leaveOld(output: string): Promise<void> {
  await mkdir(outputs(output), { recursive: true });
  for (const [file, text] of Object.entries(OLD)) await writeFile(outputs(output, file), text);
}

/** The old output is there as it was, and nothing beside it. */
async function expectOld(output: string): Promise<void> {
  expect(await readdir(outputs())).toEqual([output]);
  expect(await readAll(outputs(output))).toEqual(OLD);
}

async function readAll(directory: string): Promise<Record<string, string>> {
  const files = (await readdir(directory)).toSorted();
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await readFile(join(directory, file), 'utf8')])),
  ) as Record<string, string>;
}

/** The folder in which an exporter has begun to write weights. */
async function findWriting(): Promise<string> {
  for (;;) {
    for (const name of await readdir(outputs())) {
      const fresh = outputs(name, 'new');
      const files = name.startsWith('.') ? await readdir(fresh, { recursive: true }).catch(() => []) : [];
      const stats = await Promise.all(files.map((file) => stat(join(fresh, file)).catch(() => undefined)));
      if (stats.some((found) => found?.isFile() && found.size > 1e6)) return fresh;
    }
    await pause(1);
  }
}

interface Running {
  readonly server: ServerChild;
  readonly client: PrunecastClient;
}

let starts = 0;
/** Each has a state of its own, so that no job is taken up again. */
async function start(): Promise<Running> {
  starts += 1;
  const server = await startServerChild(folder, {
    stateDirectory: join(folder, `state-${starts}`),
    environment: { PRUNECAST_MODEL_ROOTS: join(folder, 'models') },
  });
  return { server, client: createClient({ address: server.address }) };
}

async function end({ server, client }: Running): Promise<void> {
  client.close();
  await server.signal('SIGKILL');
}

const MOST_ATTEMPTS = 3;

/** Begins to replace an old output, and halts the server while it writes weights. Again, if it had them all already. */
async function haltWhileWriting({ server, client }: Running, exporter: string, attempt = 1) {
  await rm(outputs(), { recursive: true, force: true });
  await leaveOld(exporter);
  let jobId = '';
  const events = client.prune(
    {
      model: 'thick',
      recipe: MAGNITUDE,
      selection: { $case: 'uniformRate', value: 0.25 },
      exporter: { id: exporter },
      output: exporter,
      overwrite: true,
    },
    { reattach: { giveUpAfterMs: 0, giveUpStartAfterMs: 0 } },
  );
  const ending = (async () => {
    for await (const event of events) jobId = event.jobId;
  })();
  ending.catch(() => undefined);
  const fresh = await Promise.race([findWriting(), ending]);
  await server.signal('SIGSTOP');
  if (fresh !== undefined && !(await readdir(fresh)).includes('prunecast.json')) return { fresh, ending, jobId };
  if (attempt === MOST_ATTEMPTS) throw new Error('the weights were always written before the server halted');
  await server.signal('SIGCONT');
  await ending;
  return haltWhileWriting({ server, client }, exporter, attempt + 1);
}

describe.each(EXPORTERS)('while %s writes weights', (exporter) => {
  let running: Running;
  beforeAll(async () => {
    running = await start();
  });
  afterAll(() => end(running));

  it('a kill leaves the old output as it was; what was written is no output, and the next server sweeps it', async () => {
    await haltWhileWriting(running, exporter);
    await end(running);
    expect(await readdir(outputs())).toHaveLength(2);
    expect(await readAll(outputs(exporter))).toEqual(OLD);
    running = await start();
    await expectOld(exporter);
  });

  it.runIf(process.platform === 'linux')('a cancel ends the work within two seconds', async () => {
    const { ending, jobId } = await haltWhileWriting(running, exporter);
    const cancelling = running.client.services.jobs.cancelJob({ jobId });
    await running.server.signal('SIGCONT');
    const since = performance.now();
    await cancelling;
    await expect(ending).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect(performance.now() - since).toBeLessThan(SOON_MS);
    expect(await spendUntilIdle(SOON_MS)).toBeLessThan(MOST_SPENT_MS);
    await expectOld(exporter);
  });

  it('a source that is taken away is told, and the old output stays', async () => {
    const { ending } = await haltWhileWriting(running, exporter);
    await rename(model, `${model}-elsewhere`);
    try {
      await running.server.signal('SIGCONT');
      await expect(ending).rejects.toMatchObject({ reason: 'MODEL_CHANGED' });
    } finally {
      await rename(`${model}-elsewhere`, model);
    }
    await expectOld(exporter);
  });

  it('a source that changes is told by its file, and the old output stays', async () => {
    const { ending } = await haltWhileWriting(running, exporter);
    const file = await open(join(model, 'model.safetensors'), 'r+');
    await file.write(Uint8Array.of(starts), 0, 1, (await file.stat()).size - 4);
    await file.close();
    await running.server.signal('SIGCONT');
    await expect(ending).rejects.toMatchObject({ reason: 'MODEL_CHANGED', metadata: { file: 'model.safetensors' } });
    await expectOld(exporter);
  });
});
