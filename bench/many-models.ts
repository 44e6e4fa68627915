import { readdir, readFile, link, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createClient, startLocalServer } from '../src/client/index.js';
import { createRng } from '../src/core/random.js';
import { writeRandomCheckpoint } from './random-checkpoint.js';

/*
 * npm run bench:models: the memory of a server after it has inspected many models one after another, and after it has
 * evaluated several that together exceed its memory budget. The numbers are the kernel's own (Linux). All models are
 * removed at the end.
 */

const { values: flags } = parseArgs({
  options: {
    inspected: { type: 'string', default: '200' },
    evaluated: { type: 'string', default: '6' },
    /** Of the evaluated models: each layer has 7.1 million parameters. */
    layers: { type: 'string', default: '6' },
    budget: { type: 'string', default: String(320 * 2 ** 20) },
  },
});

const MIB = 2 ** 20;
const folder = await mkdtemp(join(resolve(tmpdir()), 'prunecast-models-'));
try {
  await placeSmallModels(Number(flags.inspected));
  const large = await placeLargeModels(Number(flags.evaluated));
  const server = await startLocalServer({
    environment: {
      PRUNECAST_LISTEN: `unix:${join(folder, 'server.sock')}`,
      PRUNECAST_STATE_DIRECTORY: join(folder, 'state'),
      PRUNECAST_MODEL_ROOTS: join(folder, 'models'),
      PRUNECAST_OUTPUT_ROOT: join(folder, 'outputs'),
      PRUNECAST_MEMORY_BUDGET_BYTES: flags.budget,
    },
  });
  const client = createClient({ address: server.address });
  try {
    console.log(`server as it starts: ${await describe(server.processId)}`);
    for (let model = 1; model <= Number(flags.inspected); model += 1) {
      await client.services.models.inspectModel({ model: `small-${model}` });
      if (model % 50 === 0 || model === 10)
        console.log(`${model} models inspected: ${await describe(server.processId)}`);
    }
    const rng = createRng(3);
    const ids = Array.from({ length: 4 * 256 }, () => rng.integer(large.vocabulary));
    console.log(
      `models of ${(large.bytes / MIB).toFixed(0)} MiB in float32, memory budget ${(Number(flags.budget) / MIB).toFixed(0)} MiB:`,
    );
    for (let model = 1; model <= Number(flags.evaluated); model += 1) {
      await client.runEvaluate({
        model: `large-${model}`,
        measurement: { text: { source: { $case: 'tokenIds', value: { ids } } }, windows: { window: 256 } },
      });
      console.log(`${model} models evaluated: ${await describe(server.processId)}`);
    }
  } finally {
    client.close();
    await server.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** The demo model under many names; its files are links, and its configurations differ. */
async function placeSmallModels(count: number): Promise<void> {
  const demo = resolve('models/stories260k');
  const config = JSON.parse(await readFile(join(demo, 'config.json'), 'utf8')) as Readonly<Record<string, unknown>>;
  for (let model = 1; model <= count; model += 1) {
    const directory = join(folder, 'models', `small-${model}`);
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'config.json'), JSON.stringify({ ...config, model }));
    for (const file of ['model.safetensors', 'tokenizer.json']) {
      if (model === 1) await writeFile(join(directory, file), await readFile(join(demo, file)));
      else await link(join(folder, 'models/small-1', file), join(directory, file));
    }
  }
}

/** Random models that differ only in their configurations. */
async function placeLargeModels(count: number): Promise<{ readonly bytes: number; readonly vocabulary: number }> {
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: 768,
    intermediate_size: 2048,
    num_attention_heads: 12,
    num_key_value_heads: 12,
    num_hidden_layers: Number(flags.layers),
    vocab_size: 4096,
    max_position_embeddings: 1024,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
    torch_dtype: 'bfloat16',
    hidden_act: 'silu',
  };
  const first = join(folder, 'models', 'large-1');
  await mkdir(first, { recursive: true });
  const { bytes } = await writeRandomCheckpoint(first, config);
  for (let model = 2; model <= count; model += 1) {
    const directory = join(folder, 'models', `large-${model}`);
    await mkdir(directory);
    await writeFile(join(directory, 'config.json'), JSON.stringify({ ...config, model }));
    await link(join(first, 'model.safetensors'), join(directory, 'model.safetensors'));
  }
  return {
    bytes: 2 * (bytes.layers.reduce((sum, layer) => sum + layer, 0) + bytes.embedding + bytes.head + bytes.finalNorm),
    vocabulary: config.vocab_size,
  };
}

async function describe(processId: number): Promise<string> {
  const status = await readFile(`/proc/${processId}/status`, 'utf8');
  const read = (field: string): string => new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? '';
  const [threads, files] = await Promise.all(
    ['task', 'fd'].map(async (kind) => (await readdir(`/proc/${processId}/${kind}`)).length),
  );
  return `${(Number(read('VmRSS')) / 1024).toFixed(0)} MiB resident (most ${(Number(read('VmHWM')) / 1024).toFixed(0)}), ${threads} threads, ${files} open files`;
}
