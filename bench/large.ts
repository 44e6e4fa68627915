import { readFile, mkdir, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createClient, startLocalServer } from '../src/client/index.js';
import { createRng } from '../src/core/random.js';
import { detectThreads } from '../src/engine/runtime/resource-limits.js';
import { describeCpu } from './describe-cpu.js';
import { describeLlama7b, writeRandomCheckpoint } from './random-checkpoint.js';

/*
 * npm run bench:large -- --json FILE: a random checkpoint of the shape of Llama-2-7B, sharded BF16, evaluated by a
 * server whose memory budget is far below its size. The server's peak memory and the bytes it read are the kernel's own
 * counters (Linux). The checkpoint is removed at the end.
 */

const { values: flags } = parseArgs({
  options: {
    json: { type: 'string' },
    layers: { type: 'string' },
    budget: { type: 'string', default: String(3 * 2 ** 30) },
    windows: { type: 'string', default: '4' },
    window: { type: 'string', default: '512' },
    folder: { type: 'string', default: tmpdir() },
  },
});

const LAYERS = 32;
const [windows, window, budgetBytes] = [Number(flags.windows), Number(flags.window), Number(flags.budget)];
const folder = await mkdtemp(join(resolve(flags.folder), 'prunecast-large-'));
try {
  const layers = flags.layers === undefined ? await chooseLayers() : Number(flags.layers);
  await mkdir(join(folder, 'models', 'large'), { recursive: true });
  const written = performance.now();
  const { shape, bytes } = await writeRandomCheckpoint(join(folder, 'models', 'large'), describeLlama7b(layers));
  console.log(`${layers} layers written in ${seconds(written)} s`);
  const rng = createRng(3);
  const tokens = Array.from({ length: windows * window }, () => rng.integer(shape.vocabulary));

  const server = await startLocalServer({
    environment: {
      PRUNECAST_LISTEN: `unix:${join(folder, 'server.sock')}`,
      PRUNECAST_STATE_DIRECTORY: join(folder, 'state'),
      PRUNECAST_MODEL_ROOTS: join(folder, 'models'),
      PRUNECAST_OUTPUT_ROOT: join(folder, 'outputs'),
      PRUNECAST_MEMORY_BUDGET_BYTES: String(budgetBytes),
    },
  });
  const client = createClient({ address: server.address });
  try {
    const opened = performance.now();
    await client.services.models.inspectModel({ model: 'large' }); // reads all files once, for their digest
    console.log(`opened in ${seconds(opened)} s`);
    const before = await readCounters(server.processId);
    const started = performance.now();
    const [result] = await client.runEvaluate({
      model: 'large',
      measurement: { text: { source: { $case: 'tokenIds', value: { ids: tokens } } }, windows: { window } },
    });
    const milliseconds = performance.now() - started;
    const after = await readCounters(server.processId);

    const layerBytes = bytes.layers.reduce((sum, layer) => sum + layer, 0);
    const embeddingBytes = new Set(tokens).size * 2 * shape.hidden;
    const elsewhere = bytes.head + bytes.finalNorm + embeddingBytes;
    const report = {
      model: `Llama-2-7B's shape, random BF16, ${layers} of ${LAYERS} layers`,
      weight_bytes: layerBytes + bytes.embedding + bytes.head + bytes.finalNorm,
      windows: { count: windows, tokens: window },
      cpu: describeCpu(detectThreads()),
      load_average: loadavg()[1], // of the last five minutes: if above the threads, other work was running
      memory: {
        budget_bytes: budgetBytes,
        peak_rss_bytes: after.peakBytes,
        under_4_gib: after.peakBytes < 4 * 2 ** 30,
      },
      read: {
        bytes: after.readBytes - before.readBytes,
        layer_bytes: layerBytes,
        head_bytes: bytes.head,
        embedding_rows_bytes: embeddingBytes,
        /** 1: each layer was read once. */
        layers_read: (after.readBytes - before.readBytes - elsewhere) / layerBytes,
      },
      perplexity: result?.metrics['perplexity'] ?? null,
      milliseconds,
      tokens_per_second: (1000 * tokens.length) / milliseconds,
    };
    if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(report, null, 2)}\n`);
    console.log(JSON.stringify(report, null, 2));
  } finally {
    client.close();
    await server.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** All, or as many as take half of the free disk. */
async function chooseLayers(): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  const LAYER_BYTES = 405e6;
  return Math.max(1, Math.min(LAYERS, Math.floor((0.5 * bavail * bsize) / LAYER_BYTES) - 2));
}

/** The peak memory of a process, and all that it has read. */
async function readCounters(processId: number): Promise<{ readonly peakBytes: number; readonly readBytes: number }> {
  const [status, io] = await Promise.all([
    readFile(`/proc/${processId}/status`, 'utf8'),
    readFile(`/proc/${processId}/io`, 'utf8'),
  ]);
  return {
    peakBytes: 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]),
    readBytes: Number(/rchar: (\d+)/.exec(io)?.[1]),
  };
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
