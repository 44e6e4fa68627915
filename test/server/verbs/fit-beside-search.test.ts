import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JobState, type DeepPartial, type PairSet } from '../../../src/client/index.js';
import { smallSearch, startVerbServer, type VerbServer } from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
});
afterAll(() => verbs[Symbol.asyncDispose]());

const RATES = [0.1, 0.2, 0.3, 0.4, 0.5].flatMap((first) => [0, 0.25, 0.5].map((second) => [first, second]));
const PAIRS: DeepPartial<PairSet> = {
  dimensions: ['layers.0.ffn_channels', 'layers.1.ffn_channels'],
  model: 'elsewhere',
  measurementFingerprint: 'a measurement',
  fidelityDigest: 'a fidelity',
  pairs: RATES.map((rates) => ({
    rates,
    metrics: { perplexity: Math.exp(1 + (rates[0] ?? 0) + 2 * (rates[1] ?? 0)) },
    recipeDigest: 'a recipe',
  })),
};

describe('a server that runs one job with a model at a time', () => {
  it('ends a fit while a search runs, and lets a second search wait', async () => {
    const search = verbs.client.search(smallSearch({ seed: 1n, pairs: { count: 2000 } }));
    const { value: first } = await search.next();
    const jobId = first?.jobId ?? '';
    const second = verbs.client.search(smallSearch({ seed: 2n }));
    const { value: queued } = await second.next();
    expect(queued?.payload?.$case).toBe('queued');

    const fitted = await verbs.client.runFitPredictor({
      source: { $case: 'pairs', value: PAIRS },
      predictor: { id: 'ridge' },
    });
    expect(fitted.backend).toBe('ridge');

    const stateOf = async (id: string) => (await verbs.client.services.jobs.getJob({ jobId: id })).job;
    expect(await stateOf(jobId)).toMatchObject({ state: JobState.RUNNING });
    expect(await stateOf(queued?.jobId ?? '')).toMatchObject({ state: JobState.QUEUED, queuePlace: 1 });
    for (const id of [queued?.jobId ?? '', jobId]) await verbs.client.services.jobs.cancelJob({ jobId: id });
    await Promise.all([search.return(undefined), second.return(undefined)]);
  }, 120_000);
});
