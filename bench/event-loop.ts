import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { createClient, type DeepPartial, type PrunecastClient, type Recipe, type Text } from '../src/client/index.js';
import { createRng } from '../src/core/random.js';
import { loadConfig } from '../src/server/config/config.js';
import { startServer } from '../src/server/start-server.js';
import { watchLoop, type LoopDelay } from './watch-loop.js';

const DEMO = 'models/stories260k';

/**
 * Runs a job of every kind on a server in this process and watches its event loop: evaluations, scores and outputs of
 * the given model, and a search on the demo model.
 */
export async function measureEventLoop(
  directory: string,
  vocabulary: number,
): Promise<Readonly<Record<string, LoopDelay>>> {
  const folder = await mkdtemp(join(tmpdir(), 'prunecast-loop-'));
  const demo = resolve(DEMO);
  const server = await startServer(
    loadConfig(
      {},
      {
        modelRoots: [dirname(directory), dirname(demo)],
        dataRoots: [dirname(demo)],
        outputRoot: join(folder, 'outputs'),
        stateDirectory: join(folder, 'state'),
        listen: [`unix:${join(folder, 'server.sock')}`],
        logLevel: 'silent',
      },
    ),
  );
  const client = createClient({ address: server.address });
  try {
    const found: Record<string, LoopDelay> = {};
    for (const [name, run] of Object.entries(listJobs(client, basename(directory), basename(demo), vocabulary)))
      found[name] = (await watchLoop(run)).loop;
    return found;
  } finally {
    client.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function listJobs(
  client: PrunecastClient,
  model: string,
  demo: string,
  vocabulary: number,
): Readonly<Record<string, () => Promise<unknown>>> {
  const text = randomText(vocabulary, 40_000);
  const calibrated = (criterion: string, compensation: string): DeepPartial<Recipe> => ({
    criterion: { id: criterion },
    compensation: { id: compensation },
    calibration: { text, sequences: 16, sequenceTokens: 128 },
  });
  const half = { $case: 'uniformRate', value: 0.25 } as const;
  return {
    open: () => client.services.models.inspectModel({ model }),
    evaluate: () =>
      client.runEvaluate({ model, measurement: { text, windows: { window: 128 } }, fidelity: { tokenLimit: 4096n } }),
    score_taylor: () => drain(client.services.models.scoreUnits({ model, recipe: calibrated('taylor', 'none') })),
    compensate_least_squares: () =>
      client.runEvaluate({
        model,
        targets: [{ target: half }],
        recipe: calibrated('wanda', 'least-squares'),
        measurement: { text, windows: { window: 128 } },
        fidelity: { tokenLimit: 4096n },
      }),
    prune: () =>
      client.runPrune({ model, selection: half, recipe: calibrated('wanda', 'least-squares'), output: 'pruned' }),
    fit: () =>
      client.runFitPredictor({ source: { $case: 'pairs', value: randomPairs(200, 54) }, predictor: { id: 'xgboost' } }),
    search: () =>
      client.runSearch({
        model: demo,
        recipes: [calibrated('magnitude', 'none')],
        space: { protectedLayers: { layers: [] } },
        budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }],
        texts: { text: randomText(512, 20_000) },
        pairs: { count: 40, rungs: [{ tokenLimit: 512n }] },
        candidates: 10_000n,
        verify: { count: 3, rungs: [{ tokenLimit: 512n }] },
      }),
  };
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

/** Pseudo-random token ids: speed does not depend on them. */
function randomText(vocabulary: number, tokens: number): DeepPartial<Text> {
  const rng = createRng(4);
  return {
    source: { $case: 'tokenIds', value: { ids: Array.from({ length: tokens }, () => rng.integer(vocabulary)) } },
  };
}

function randomPairs(count: number, dimensions: number) {
  const rng = createRng(5);
  return {
    dimensions: Array.from({ length: dimensions }, (_, index) => `layers.${index}.ffn_channels`),
    pairs: Array.from({ length: count }, () => ({
      rates: Array.from({ length: dimensions }, () => rng.uniform()),
      metrics: { perplexity: 10 + rng.uniform() },
    })),
  };
}
