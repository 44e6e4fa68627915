import { join, resolve } from 'node:path';
import { createClient, type PrunecastClient } from '../../src/client/index.js';
import type { ConfigOptions } from '../../src/server/config/config.js';
import type { ServerAdditions } from '../../src/server/start-server.js';
import { startTestServer, type TestServer, type TestServerOptions } from './test-server.js';

const MODELS = resolve(import.meta.dirname, '../../models');

/** 1,024 tokens of the demo model, in windows of 64. */
export const SMALL_TEXT = {
  source: {
    $case: 'tokenIds',
    value: { ids: Array.from({ length: 16 * 64 }, (_, index) => (index % 64 === 0 ? 1 : 3 + ((index * 7) % 500))) },
  },
} as const;

export const SMALL_WINDOWS = { window: 64, stride: 64 } as const;

/** A Search of the demo model that takes a second. */
export const SMALL_SEARCH: Parameters<PrunecastClient['runSearch']>[0] = {
  model: 'stories260k',
  recipes: [{ criterion: { id: 'magnitude' }, compensation: { id: 'none' } }],
  space: { protectedLayers: { layers: [] } },
  budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }],
  texts: { text: SMALL_TEXT },
  pairs: { count: 12, rungs: [{ tokenLimit: 128n }] },
  candidates: 50n,
  verify: { count: 2, rungs: [{ tokenLimit: 128n }] },
  predictor: { id: 'ridge' },
  strategy: { id: 'random' },
  rounds: 1,
  seed: 3n,
};

/** A server that has the demo model, and a client of it. */
export async function startDemoServer(
  config: ConfigOptions = {},
  additions: ServerAdditions & Pick<TestServerOptions, 'startServer'> = {},
): Promise<{ readonly server: TestServer; readonly client: PrunecastClient } & AsyncDisposable> {
  const server = await startTestServer({
    config: { modelRoots: [MODELS], dataRoots: [join(MODELS)], ...config },
    ...additions,
  });
  const client = createClient({ address: server.address });
  return {
    server,
    client,
    [Symbol.asyncDispose]: async () => {
      client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
