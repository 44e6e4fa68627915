import { existsSync } from 'node:fs';
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  createClient,
  type DeepPartial,
  type EvaluateRequest,
  type PrunecastClient,
} from '../../../src/client/index.js';
import { startLocalServer, type LocalServer } from '../../../src/client/start-local-server.js';
import { listChildren } from '../../support/children.js';
import { DEMO_DIRECTORY } from '../../support/demo-model.js';
import { makeFolder } from '../../support/test-server.js';
import { ENDLESS, ENDLESS_TEXT } from '../../support/tokenizers.js';

let folder = '';
let server: LocalServer;
let client: PrunecastClient;
beforeAll(async () => {
  folder = await makeFolder();
  for (const name of ['demo', 'endless']) await cp(DEMO_DIRECTORY, join(folder, 'models', name), { recursive: true });
  await writeFile(join(folder, 'models/endless/tokenizer.json'), JSON.stringify(ENDLESS));
  server = await startLocalServer({
    environment: {
      PRUNECAST_MODEL_ROOTS: join(folder, 'models'),
      PRUNECAST_STATE_DIRECTORY: join(folder, 'state'),
      PRUNECAST_LISTEN: `unix:${join(folder, 'server.sock')}`,
      PRUNECAST_LOG_LEVEL: 'silent',
    },
  });
  client = createClient({ address: server.address });
});
afterAll(async () => {
  client.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const asking = (model: string, value: string): DeepPartial<EvaluateRequest> => ({
  model,
  measurement: { text: { source: { $case: 'inline', value } }, windows: { window: 4 } },
});

/** Processes that tokenize for the server. */
const listTokenizers = (): number[] => listChildren(server.processId);
const runs = (process: number): boolean => existsSync(`/proc/${process}`);
const until = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 20 });

describe.skipIf(process.platform !== 'linux')('a tokenizer.json whose expression never ends', () => {
  it('leaves other models their tokens meanwhile, and no process behind when its caller leaves or its server is killed', async () => {
    const leaving = new AbortController();
    const left = client
      .planEvaluate(asking('endless', ENDLESS_TEXT), { signal: leaving.signal })
      .catch((error: unknown) => error);
    await until(() => expect(listTokenizers()).toHaveLength(1));
    expect((await client.planEvaluate(asking('demo', 'Once upon a time there was a cat.'))).trials).toBe(1n);
    leaving.abort();
    expect(await left).toMatchObject({ code: 'CANCELLED' });
    await until(() => expect(listTokenizers()).toEqual([]));

    const orphaned = client.planEvaluate(asking('endless', ENDLESS_TEXT)).catch((error: unknown) => error);
    await until(() => expect(listTokenizers()).toHaveLength(1));
    const [tokenizer = 0] = listTokenizers();
    process.kill(server.processId, 'SIGKILL');
    await orphaned;
    await until(() => expect(runs(tokenizer)).toBe(false));
  });
});
