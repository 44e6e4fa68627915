import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import type { PluginEntry } from '../src/core/ports/plugin-entry.js';
import type { Predictor } from '../src/core/ports/predictor.js';
import { createRng } from '../src/core/random.js';
import { importPlugins } from '../src/plugin-host/import-plugins.js';
import { loadPlugins } from '../src/server/plugins/load-plugins.js';
import { createRemoteHost } from '../src/server/plugins/remote/remote-host.js';
import { describeModule, fitHosted } from '../src/server/predictors/predictor-host.js';

/*
 * npm run bench:remote-predictor: what it costs that a predictor runs in a process of its own, reached over a Unix socket. The
 * same predictor runs as a module in the same run; the two are asked in turn. Both are asked as the server asks them, in a
 * thread.
 */

const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string', default: '64' },
    /** As many as SmolLM2 has. */
    columns: { type: 'string', default: '50' },
    pairs: { type: 'string', default: '200' },
    calls: { type: 'string', default: '1000' },
  },
});
const [rows, columns, pairs, calls] = [flags.rows, flags.columns, flags.pairs, flags.calls].map(Number) as [
  number,
  number,
  number,
  number,
];
const WARM_UP = 200;

const rng = createRng(1);
const draw = (count: number): Float32Array => Float32Array.from({ length: count }, () => rng.uniform() / 2);
const rates = draw(pairs * columns);
const table = {
  dimensions: Array.from({ length: columns }, (_, index) => `layers.${index}.ffn_channels`),
  rates,
  targets: Float64Array.from({ length: pairs }, () => rng.uniform()),
};

const here = new URL('./remote/nearest-plugin.js', import.meta.url);
const [plugin] = await importPlugins(here.href);
if (plugin === undefined) throw new Error('the module holds no plug-in');
const remote = createRemoteHost({
  limits: { callMs: 60_000, workMs: 60_000, startMs: 60_000, retries: 3 },
  authoritiesFile: undefined,
  folder: process.cwd(),
  log: pino({ level: 'warn' }, pino.destination(2)),
});
const command = `exec ${process.execPath} ${fileURLToPath(new URL('./remote/nearest-server.js', import.meta.url))}`;
try {
  const [elsewhere] = await loadPlugins([`exec:${command}`], { limitMs: 30_000, folder: process.cwd(), remote });
  if (elsewhere === undefined) throw new Error('the process offers no plug-in');
  const fits = await Promise.all([fit({ plugin, moduleUrl: here }), fit(elsewhere)]);
  const batch = { rates: draw(rows * columns), columns };
  const times: [number[], number[]] = [[], []];
  for (let call = 0; call < WARM_UP + calls; call++)
    for (const [index, fitted] of fits.entries()) {
      const begun = performance.now();
      await fitted.predict(batch);
      if (call >= WARM_UP) times[index]?.push(performance.now() - begun);
    }
  const [own, other] = await Promise.all(fits.map((fitted) => fitted.predict(batch)));
  if (own?.mean.some((value, row) => value !== other?.mean[row]) !== false) throw new Error('predictions differ');
  await Promise.all(fits.map((fitted) => fitted.close()));
  const [inModule, inProcess] = times.map(describe) as [Quantiles, Quantiles];
  const result = {
    rows,
    columns,
    pairs,
    calls,
    cpu: cpus()[0]?.model.trim(),
    processors: cpus().length,
    load: round(loadavg()[0] ?? Number.NaN),
    node: process.version,
    module_ms: inModule,
    process_ms: inProcess,
    overhead_ms: round(inProcess.median - inModule.median),
  };
  console.log(JSON.stringify(result, undefined, 2));
} finally {
  await remote.close();
}

async function fit({ plugin: { options }, moduleUrl, plugin: predictor }: PluginEntry) {
  return fitHosted(describeModule(predictor as Predictor, { moduleUrl, options: options.parse({}) }), table, 1);
}

interface Quantiles {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
}

function describe(times: readonly number[]): Quantiles {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => round(sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN);
  return { median: at(0.5), p10: at(0.1), p90: at(0.9) };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
