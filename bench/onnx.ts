import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { openCheckpoint } from '../src/engine/checkpoint/open-checkpoint.js';
import { pruneModel } from '../src/engine/surgery/prune-model.js';
import { readOnnxRuntimeVersion } from '../src/onnx-runtime/load-onnx-runtime.js';
import onnx from '../src/plugins/exporters/onnx.js';
import { GRAPH_FILES, GRAPH_FOLDER } from '../src/plugins/exporters/onnx/graph-files.js';
import { describeCpu, describeLoad } from './describe-cpu.js';
import { withOnnxDecoder } from './onnx-decoder.js';

/*
 * npm run bench:onnx -- --model DIR [--model DIR ...] [--rounds N] [--json FILE]: writes a whole model as an ONNX graph of
 * each type and runs it in ONNX Runtime on one thread: peaks of memory, and processor time, which other work on the machine
 * hardly changes. Each step is a process of its own, and rounds take the types in turn; the median of rounds counts.
 */

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
    /** In the process of one step. */
    step: { type: 'string', default: '' },
    type: { type: 'string', default: '' },
    folder: { type: 'string', default: '' },
  },
});

const TYPES = ['float32', 'float16', 'int8'] as const;
const TEXT_TOKENS = 128;
const NEXT_TOKENS = 20;

type Type = (typeof TYPES)[number];

/** Peaks in MiB, with Node's own; processor time in seconds. */
type Sample = Readonly<Record<string, number>>;

const STEPS: Readonly<Record<string, (type: Type, folder: string, model: string) => Promise<Sample>>> = {
  write: writeGraph,
  load: loadGraph,
  run: runGraph,
};

const step = STEPS[flags.step];
if (step === undefined) await measureAll();
else console.log(JSON.stringify(await step(flags.type as Type, flags.folder, flags.model[0] ?? '')));

async function measureAll(): Promise<void> {
  const models = [];
  for (const directory of flags.model) models.push(await measureModel(resolve(directory)));
  const report = {
    cpu: describeCpu(1),
    load_average: describeLoad(),
    onnxruntime: readOnnxRuntimeVersion(),
    rounds: Number(flags.rounds),
    text_tokens: TEXT_TOKENS,
    models,
  };
  console.log(JSON.stringify(report, undefined, 2));
  if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(report, undefined, 2)}\n`);
}

async function measureModel(model: string) {
  const folder = await mkdtemp(join(tmpdir(), 'prunecast-onnx-'));
  const samples = Object.fromEntries(TYPES.map((type): [Type, Sample[]] => [type, []])) as Record<Type, Sample[]>;
  try {
    for (let round = 0; round < Number(flags.rounds); round += 1)
      for (const type of TYPES) {
        const own = join(folder, type);
        await mkdir(own);
        const parts = [];
        for (const name of Object.keys(STEPS)) parts.push(await runStep(name, model, type, own));
        await rm(own, { recursive: true });
        const sample = Object.assign({}, ...parts) as Sample;
        samples[type].push(sample);
        console.error(basename(model), type, JSON.stringify(sample));
      }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { model: basename(model), types: TYPES.map((type) => describeType(type, samples)) };
}

/** The medians, and of all but bytes their share of those of float32. */
function describeType(type: Type, samples: Readonly<Record<Type, readonly Sample[]>>) {
  const medians = (of: Type): Sample =>
    Object.fromEntries(
      Object.keys(samples[of][0] ?? {}).map((key) => [key, median(samples[of].map((each) => each[key] ?? NaN))]),
    );
  const [own, base] = [medians(type), medians('float32')];
  const shares = Object.entries(own).map(([key, value]) => [key, round(value / (base[key] ?? NaN))]);
  return { type, ...own, of_float32: Object.fromEntries(shares) };
}

async function runStep(name: string, model: string, type: Type, folder: string): Promise<Sample> {
  const words = [import.meta.filename, '--step', name, '--model', model, '--type', type, '--folder', folder];
  const { stdout } = await promisify(execFile)(process.execPath, words);
  return JSON.parse(stdout) as Sample;
}

async function writeGraph(type: Type, folder: string, directory: string): Promise<Sample> {
  const checkpoint = await openCheckpoint(directory);
  const keptUnits = checkpoint.shape.layers.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({
    kvGroups: range(kvHeads),
    queryHeads: range(kvHeads * queryHeadsPerKv),
    ffnChannels: range(ffnChannels),
  }));
  const model = pruneModel({ checkpoint, keptUnits });
  const write_seconds = await timeOf(() =>
    onnx.write(model, folder, { signal: new AbortController().signal }, onnx.options.parse({ dtype: type })),
  );
  await checkpoint.close();
  const { size } = await stat(graphOf(type, folder));
  return { bytes: size, write_seconds, write_peak_mib: peakMib() };
}

async function loadGraph(type: Type, folder: string): Promise<Sample> {
  const load_seconds = await timeOf(() => withOnnxDecoder(graphOf(type, folder), async () => undefined));
  return { load_seconds, load_peak_mib: peakMib() };
}

async function runGraph(type: Type, folder: string): Promise<Sample> {
  const tokens = range(TEXT_TOKENS + NEXT_TOKENS).map((place) => (97 * place * place + 300) % 10_007);
  return withOnnxDecoder(graphOf(type, folder), async ({ run }) => {
    const text = (): Promise<unknown> => run([tokens.slice(0, TEXT_TOKENS)]);
    const all = (): Promise<unknown> => run([tokens], [TEXT_TOKENS, ...range(NEXT_TOKENS).map(() => 1)]);
    await text(); // the first run of a graph takes memory
    const text_seconds = await timeOf(text);
    const token_seconds = round(((await timeOf(all)) - text_seconds) / NEXT_TOKENS);
    return { text_seconds, token_seconds, run_peak_mib: peakMib() };
  });
}

function graphOf(type: Type, folder: string): string {
  return join(folder, GRAPH_FOLDER, GRAPH_FILES[type]);
}

/** Processor time. */
async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return round((user + system) / 1e6);
}

function peakMib(): number {
  return Math.round(process.resourceUsage().maxRSS / 1024);
}

function range(length: number): number[] {
  return Array.from({ length }, (_, place) => place);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
