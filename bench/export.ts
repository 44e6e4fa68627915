import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createClient, startLocalServer, type PrunecastClient } from '../src/client/index.js';
import { detectThreads } from '../src/engine/runtime/resource-limits.js';
import { describeCpu, describeLoad } from './describe-cpu.js';
import { describeLlama7b, writeRandomCheckpoint } from './random-checkpoint.js';

/*
 * npm run bench:export -- --json FILE: a random checkpoint of the shape of Llama-2-7B with few layers, sharded BF16, is
 * pruned by a server and written by each exporter, in turn with `cp` and `sync` of the checkpoint's own files. Both read
 * files that the page cache holds. Memory and processor time are the kernel's own counters, of the server with all
 * processes that it started (Linux). All files are removed at the end.
 */

const { values: flags } = parseArgs({
  options: {
    json: { type: 'string' },
    layers: { type: 'string', default: '4' },
    runs: { type: 'string', default: '5' },
    budget: { type: 'string', default: String(1.75 * 2 ** 30) },
    folder: { type: 'string', default: tmpdir() },
    /** `hf`, `bf16`, `f16` or `q8_0`; all by default. */
    only: { type: 'string' },
  },
});

const EXPORTERS = (
  [
    { id: 'hf', options: {} },
    { id: 'gguf', options: { type: 'bf16' } },
    { id: 'gguf', options: { type: 'f16' } },
    { id: 'gguf', options: { type: 'q8_0' } },
  ] as const
).filter(
  (exporter) =>
    flags.only === undefined || flags.only === ('type' in exporter.options ? exporter.options.type : exporter.id),
);

interface Sample {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly bytes: number;
  /** Of writing alone, without the ranking. */
  readonly exportSeconds: number;
}

const MODELS = resolve(import.meta.dirname, '../../models');

const TICKS_PER_SECOND = 100;

interface Copied {
  readonly bytesPerSecond: number;
  readonly bytesPerCpuSecond: number;
}

const runs = Number(flags.runs);
const folder = await mkdtemp(join(resolve(flags.folder), 'prunecast-export-'));
try {
  const source = join(folder, 'models', 'large');
  await mkdir(source, { recursive: true });
  await copyFile(join(MODELS, 'stories260k/tokenizer.json'), join(source, 'tokenizer.json')); // GGUF needs one
  await writeRandomCheckpoint(source, describeLlama7b(Number(flags.layers)), 2 ** 30);
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
    await client.services.models.inspectModel({ model: 'large' }); // reads all files once, for their digest
    const copies: Copied[] = [];
    const samples = EXPORTERS.map((): Sample[] => []);
    let peakBytes = 0;
    for (let run = 0; run < runs; run += 1)
      for (const [index, exporter] of EXPORTERS.entries()) {
        copies.push(await copy(source, join(folder, 'copy')));
        samples[index]?.push(await prune(client, server.processId, exporter));
        peakBytes = await readPeak(server.processId);
        console.log(exporter.id, exporter.options, copies.at(-1), samples[index]?.at(-1), peakBytes);
      }
    const copyRate = median(copies.map(({ bytesPerSecond }) => bytesPerSecond));
    const copyCpuRate = median(copies.map(({ bytesPerCpuSecond }) => bytesPerCpuSecond));
    const report = {
      model: `Llama-2-7B's shape, random BF16, ${flags.layers} of 32 layers`,
      weight_bytes: (await sizeOf(source)).bytes,
      cpu: describeCpu(detectThreads()),
      load_average: describeLoad(),
      runs,
      copy_bytes_per_second: Math.round(copyRate),
      copy_bytes_per_cpu_second: Math.round(copyCpuRate),
      peak_rss_bytes: peakBytes,
      exporters: EXPORTERS.map((exporter, index) => {
        const own = samples[index] ?? [];
        const of = (value: (sample: Sample) => number): number => median(own.map(value));
        return {
          ...exporter,
          written_bytes: own[0]?.bytes,
          seconds: round(of(({ seconds }) => seconds)),
          export_seconds: round(of(({ exportSeconds }) => exportSeconds)),
          cpu_seconds: round(of(({ cpuSeconds }) => cpuSeconds)),
          bytes_per_cpu_second: Math.round(of(({ bytes, cpuSeconds }) => bytes / cpuSeconds)),
          of_copy_speed: round(of(({ bytes, seconds }) => bytes / seconds) / copyRate),
          export_of_copy_speed: round(of(({ bytes, exportSeconds }) => bytes / exportSeconds) / copyRate),
        };
      }),
    };
    if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(report, undefined, 2)}\n`);
    console.log(JSON.stringify(report, undefined, 2));
  } finally {
    client.close();
    await server.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** `cp` of a checkpoint's files, until the disk has them. */
async function copy(source: string, target: string): Promise<Copied> {
  const { bytes } = await sizeOf(source);
  const started = performance.now();
  const { stdout } = await promisify(execFile)('sh', ['-c', 'cp -r "$0" "$1" && sync "$1"/* && times', source, target]);
  const seconds = (performance.now() - started) / 1000;
  await rm(target, { recursive: true });
  const [, children = ''] = stdout.trim().split('\n'); // user and system: 0m0.010000s 0m0.310000s
  const cpuSeconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, rest]) => sum + 60 * Number(minutes) + Number(rest),
    0,
  );
  return { bytesPerSecond: bytes / seconds, bytesPerCpuSecond: bytes / cpuSeconds };
}

async function prune(
  client: PrunecastClient,
  processId: number,
  exporter: (typeof EXPORTERS)[number],
): Promise<Sample> {
  const before = await readCpuSeconds(processId);
  const started = performance.now();
  let jobId = '';
  const { bytes } = await client.runPrune(
    {
      model: 'large',
      recipe: { criterion: { id: 'magnitude' }, compensation: { id: 'none' } },
      selection: { $case: 'uniformRate', value: 0.25 },
      exporter,
      output: 'pruned',
    },
    { onEvent: (event) => void (jobId = event.jobId) },
  );
  const seconds = (performance.now() - started) / 1000;
  const cpuSeconds = (await readCpuSeconds(processId)) - before;
  const { job } = await client.services.jobs.getJob({ jobId });
  const exportSeconds = job?.phases.find(({ name }) => name === 'export')?.elapsedSeconds ?? NaN;
  await rm(join(folder, 'outputs', 'pruned'), { recursive: true });
  return { seconds, cpuSeconds, bytes: Number(bytes), exportSeconds };
}

async function sizeOf(directory: string): Promise<{ readonly bytes: number; readonly files: readonly string[] }> {
  const files = (await readdir(directory)).map((file) => join(directory, file));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return { bytes: sizes.reduce((sum, size) => sum + size, 0), files };
}

/** A process and all that it started. */
async function listProcesses(processId: number): Promise<number[]> {
  const children = await readFile(`/proc/${processId}/task/${processId}/children`, 'utf8').catch(() => '');
  const below = await Promise.all(
    children
      .split(' ')
      .filter(Boolean)
      .map((id) => listProcesses(Number(id))),
  );
  return [processId, ...below.flat()];
}

/** The peak of each process's own memory, added up. */
async function readPeak(processId: number): Promise<number> {
  const peaks = (await listProcesses(processId)).map(async (id) => {
    const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '');
    return 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0);
  });
  return (await Promise.all(peaks)).reduce((sum, bytes) => sum + bytes, 0);
}

/** Of a process and those of its children that have ended. */
async function readCpuSeconds(processId: number): Promise<number> {
  const stats = await readFile(`/proc/${processId}/stat`, 'utf8');
  const fields = stats
    .slice(stats.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) / TICKS_PER_SECOND;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
