import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createClient,
  type DeepPartial,
  type EvaluateRequest,
  type PrunecastClient,
} from '../../../src/client/index.js';
import { CRITERIA } from '../../support/criteria-reference.js';
import { startServerChild, type ServerChild } from '../../support/server-child.js';
import { makeFolder } from '../../support/test-server.js';
import { DEMO, MAGNITUDE, tokenText } from './verb-server.js';

const BUDGET = 64 * 2 ** 20;

const IDS = CRITERIA.evaluation_ids.flat();
const TEXT = tokenText(Array.from({ length: 60_000 }, (_, index) => IDS[index % IDS.length] ?? 0));

let folder: string;
let server: ServerChild;
let client: PrunecastClient;
beforeEach(async () => {
  folder = await makeFolder();
  server = await startServerChild(folder, { environment: { PRUNECAST_MEMORY_BUDGET_BYTES: String(BUDGET) } });
  client = createClient({ address: server.address });
});
afterEach(async () => {
  client.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The most memory that the process has had, by the kernel's count. */
function readPeakBytes(processId: number): number {
  const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${processId}/status`, 'utf8'));
  return 1024 * Number(found?.[1] ?? NaN);
}

/** Only Linux counts for us. */
describe.skipIf(!existsSync('/proc/self/status'))('the memory that a plan states', () => {
  it.each<[string, DeepPartial<EvaluateRequest>]>([
    ['the unpruned model', { targets: [{ target: { $case: 'dense', value: {} } }] }],
    [
      'a recipe that is calibrated',
      { targets: [{ target: { $case: 'uniformRate', value: 0.2 } }], recipe: { calibration: { text: TEXT } } },
    ],
    [
      'a comparison with the unpruned model',
      {
        measurement: { text: TEXT, evaluator: { id: 'kl-divergence' } },
        targets: [{ target: { $case: 'uniformRate', value: 0.2 } }],
        recipe: MAGNITUDE,
      },
    ],
  ])(
    'is what the process of the server takes, within a fifth, on a budget of 64 MiB: %s',
    {
      // On a busy machine garbage is collected late: then the process has taken more at some time.
      retry: 3,
    },
    async (_, asked) => {
      const request: DeepPartial<EvaluateRequest> = {
        model: DEMO,
        measurement: { text: TEXT },
        fidelity: { tokenLimit: 8192n },
        ...asked,
      };
      const { peakMemoryBytes, baseMemoryBytes } = await client.planEvaluate(request);
      expect(Number(peakMemoryBytes - baseMemoryBytes)).toBeLessThanOrEqual(BUDGET);
      await client.runEvaluate(request);
      const measured = readPeakBytes(server.processId) / Number(peakMemoryBytes);
      expect(measured).toBeGreaterThan(0.8);
      expect(measured).toBeLessThan(1.2);
    },
  );
});
