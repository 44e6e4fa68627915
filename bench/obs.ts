import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { detectThreads } from '../src/engine/runtime/resource-limits.js';
import { describeCpu } from './describe-cpu.js';
import { compareOnModel, type ModelErrors } from './obs/compare-on-model.js';
import type { LayerFigures, LayerRequest } from './obs/layer-process.js';

/*
 * npm run bench:obs -- --json FILE [--sizes 1536x576] [--together 1] [--model DIR --calibration FILE]: what ranking the
 * channels of an FFN by `obs` takes, for random layers of these sizes (channels x hidden), beside bare matrix products of
 * as many operations in the same process; 11008x4096 takes 3.5 GB. With --together also of what would be saved if
 * several channels were removed at a time, and how much larger the calibration error of the others is then: for random
 * layers, and with --model for all layers of a model. Figures that the JSON file already has are not measured again.
 */

const { values: flags } = parseArgs({
  options: {
    json: { type: 'string' },
    sizes: { type: 'string', default: '1536x576,4096x1024,11008x4096' },
    together: { type: 'string', default: '1,64,256' },
    model: { type: 'string' },
    calibration: { type: 'string' },
    sequences: { type: 'string', default: '320' },
  },
});
const { json } = flags;
if (json === undefined || (flags.model === undefined) !== (flags.calibration === undefined))
  throw new Error(
    'usage: npm run bench:obs -- --json FILE [--sizes SIZES] [--together COUNTS] [--model DIR --calibration FILE]',
  );

interface Results {
  readonly cpu: unknown;
  readonly layers: readonly LayerRow[];
  readonly models: readonly ModelErrors[];
}

/** A random layer. */
interface LayerRow extends Omit<LayerRequest, 'threads'>, LayerFigures {
  readonly times_bare_products: number;
  /** Of the last minute: if above the threads, other work was running, and only CPU seconds compare. */
  readonly load_average: number;
}

const threads = detectThreads();
const counts = flags.together.split(',').map(Number);
let results = await readFile(json, 'utf8').then(
  (text) => JSON.parse(text) as Results,
  (): Results => ({ cpu: describeCpu(threads), layers: [], models: [] }),
);
for (const size of flags.sizes === '' ? [] : flags.sizes.split(',')) {
  const [rows = NaN, hidden = NaN] = size.split('x').map(Number);
  for (const together of counts) await keepLayer({ rows, hidden, together });
}
if (flags.model !== undefined && flags.calibration !== undefined) {
  const { model, calibration } = flags;
  const sequences = Number(flags.sequences);
  const found = await compareOnModel(
    { model, calibration, sequences, threads },
    counts.filter((count) => count > 1),
  );
  await keep({ models: [...results.models.filter((other) => other.model !== found.model), found] });
}

async function keepLayer(asked: Omit<LayerRequest, 'threads'>): Promise<void> {
  const isAsked = ({ rows, hidden, together }: LayerRow): boolean =>
    rows === asked.rows && hidden === asked.hidden && together === asked.together;
  if (results.layers.some(isAsked)) return;
  const child = fork(new URL('obs/layer-process.js', import.meta.url));
  child.send({ ...asked, threads } satisfies LayerRequest);
  const [figures] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the process that ranks ${asked.rows} channels ended with ${String(code)}`);
    }),
  ])) as [LayerFigures];
  const row = {
    ...asked,
    ...figures,
    times_bare_products: figures.cpu_seconds / figures.bare_cpu_seconds,
    load_average: loadavg()[0] ?? NaN,
  };
  await keep({ layers: [...results.layers, row] });
  console.log(
    `${row.rows}x${row.hidden}, ${row.together} at a time: ${row.cpu_seconds.toFixed(2)} CPU s (${row.times_bare_products.toFixed(2)} times bare products), ${row.wall_seconds.toFixed(1)} s, peak ${(row.peak_bytes / 1e9).toFixed(2)} GB`,
  );
}

async function keep(found: Partial<Results>): Promise<void> {
  results = { ...results, ...found };
  await writeFile(json ?? '', `${JSON.stringify(results, undefined, 2)}\n`);
}
