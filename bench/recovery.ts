import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createClient, type DeepPartial, type PrunecastClient, type PruneRequest } from '../src/client/index.js';
import { kendallTau } from '../src/core/statistics/rank-correlation.js';
import type { Architecture } from '../src/gen/prunecast/v1/common.js';
import { describeCpu } from './describe-cpu.js';
import { withOwnServer } from './search/with-own-server.js';

/*
 * npm run bench:recovery -- --model DIR --text FILE --json FILE: whether rankings flip when the pruned models are
 * trained. Architectures of one budget, sampled as a Search samples its pairs, each trained for a share of a pass and
 * for several passes over the same sequences. Compared are the perplexities of the sequences that training holds out,
 * before and after, by Kendall's tau. Architectures that the JSON file already has are not trained again.
 */
const { values: flags } = parseArgs({
  options: {
    model: { type: 'string' },
    text: { type: 'string' },
    json: { type: 'string' },
    architectures: { type: 'string', default: '20' },
    remove: { type: 'string', default: '0.2' },
    sequences: { type: 'string', default: '512' },
    passes: { type: 'string', default: '0.25,4' },
    'learning-rate': { type: 'string' },
    seed: { type: 'string', default: '0' },
  },
});
const { json } = flags;
if (flags.model === undefined || flags.text === undefined || json === undefined)
  throw new Error('usage: npm run bench:recovery -- --model DIR --text FILE --json FILE');
const [model, text] = [resolve(flags.model), resolve(flags.text)];
const passes = flags.passes.split(',').map(Number);
const settings = {
  model: basename(model),
  text: basename(text),
  removed_share: Number(flags.remove),
  sequences: Number(flags.sequences),
  passes,
  learning_rate: flags['learning-rate'] ?? 'default',
  seed: Number(flags.seed),
};

/** One architecture: its perplexity without training, and after as many passes as `settings` says, in their order. */
interface Trained {
  readonly channels: readonly number[];
  readonly kv_heads: readonly number[];
  readonly before: number;
  readonly after: readonly number[];
  readonly seconds: readonly number[];
}

const earlier = await readFile(json, 'utf8')
  .then((stored) => JSON.parse(stored) as { readonly settings: object; readonly trained: readonly Trained[] })
  .catch(() => undefined);
const trained = JSON.stringify(earlier?.settings) === JSON.stringify(settings) ? [...(earlier?.trained ?? [])] : [];
await withOwnServer({ model, text, keepState: undefined }, async (address) => {
  const client = createClient({ address });
  try {
    const architectures = await sampleArchitectures(client);
    for (const architecture of architectures.slice(trained.length)) {
      trained.push(await trainAll(client, architecture));
      await writeResults();
    }
  } finally {
    client.close();
  }
});
await writeResults();

async function sampleArchitectures(client: PrunecastClient): Promise<Architecture[]> {
  const count = Number(flags.architectures);
  const { studyId } = await client.runSamplePairs({
    search: {
      model: basename(model),
      texts: { text: { source: { $case: 'path', value: basename(text) } } },
      recipes: [{ criterion: { id: 'fluctuation' } }],
      budgets: [{ limit: { $case: 'removedShare', value: Number(flags.remove) } }],
      pairs: { count, rungs: [{ tokenLimit: 1024n }] },
      seed: BigInt(flags.seed),
    },
  });
  const { trials } = await client.services.studies.listTrials({ studyId, pageSize: 1000 });
  return trials.flatMap(({ architecture }) => architecture ?? []).slice(0, count);
}

async function trainAll(client: PrunecastClient, architecture: Architecture): Promise<Trained> {
  const results = [];
  for (const share of passes) {
    const { recovery } = await client.runPrune(describePrune(architecture, share));
    if (recovery === undefined) throw new Error('the server trained nothing');
    results.push(recovery);
  }
  const layers = architecture.layers;
  return {
    channels: layers.map(({ ffnChannels }) => ffnChannels),
    kv_heads: layers.map(({ kvHeads }) => kvHeads),
    before: results[0]?.perplexityBefore ?? NaN,
    after: results.map(({ perplexityAfter }) => perplexityAfter),
    seconds: results.map(({ seconds }) => Math.round(10 * seconds) / 10),
  };
}

function describePrune(architecture: Architecture, share: number): DeepPartial<PruneRequest> {
  const source = { source: { $case: 'path' as const, value: basename(text) } };
  return {
    model: basename(model),
    recipe: { criterion: { id: 'fluctuation' }, calibration: { text: source } },
    selection: { $case: 'architecture', value: architecture },
    output: 'trained',
    overwrite: true,
    recovery: {
      plugin: {
        id: 'distill',
        options: {
          passes: share,
          held_out_every: 4,
          ...(flags['learning-rate'] === undefined ? {} : { learning_rate: Number(flags['learning-rate']) }),
        },
      },
      text: { text: source, sequences: Number(flags.sequences) },
    },
  };
}

/** Kendall's tau between all pairs of columns: before, and after each number of passes. */
async function writeResults(): Promise<void> {
  const columns = [
    { name: 'before', values: trained.map(({ before }) => before) },
    ...passes.map((share, index) => ({
      name: `after ${share} passes`,
      values: trained.map(({ after }) => after[index] ?? NaN),
    })),
  ];
  const taus = columns.flatMap((a, index) =>
    columns.slice(index + 1).map((b) => ({
      between: [a.name, b.name],
      kendall_tau: trained.length < 2 ? NaN : kendallTau(Float64Array.from(a.values), Float64Array.from(b.values)),
    })),
  );
  const results = { cpu: describeCpu(availableParallelism()), settings, taus, trained };
  await writeFile(json ?? '', `${JSON.stringify(results, undefined, 2)}\n`);
  console.log(
    `${trained.length}: ${taus.map(({ between, kendall_tau }) => `${between.join(' to ')} ${kendall_tau.toFixed(2)}`).join(', ')}`,
  );
}
