import { ContainerModule } from 'inversify';
import { describe, expect, it } from 'vitest';
import { QuotaFailure } from '../../../src/gen/google/rpc/error_details.js';
import { Status } from '../../../src/gen/google/rpc/status.js';
import { PredictRequest, PredictResponse, PruningServiceService } from '../../../src/gen/prunecast/v1/pruning.js';
import { PARTS } from '../../../src/server/parts.js';
import { defineService } from '../../../src/server/rpc/rpc-service.js';
import type { ServiceError } from '@grpc/grpc-js';
import { startSourceServer } from '../../support/source-server.js';
import { ask, failureOf } from '../../support/test-server.js';
import { gate } from '../jobs/scripted-jobs.js';

/** A server whose Predict waits until it is let go. */
async function startHeld(config: Record<string, number>) {
  const { open, opened } = gate();
  let [running, most] = [0, 0];
  const service = defineService(PruningServiceService, {
    predict: async () => {
      running += 1;
      most = Math.max(most, running);
      await opened;
      running -= 1;
      return PredictResponse.create({ predictorId: 'p' });
    },
  });
  const module = new ContainerModule(({ bind }) => void bind(PARTS.rpcService).toConstantValue(service));
  const server = await startSourceServer({ config, modules: [module] });
  return { server, open, mostAtOnce: () => most };
}

describe('a server that gets more calls than it can do', () => {
  it('answers as many of ten thousand as may wait, and refuses the others as RESOURCE_EXHAUSTED with the limit', async () => {
    const { server, open, mostAtOnce } = await startHeld({ concurrentCalls: 8, maxQueuedCalls: 100 });
    await using _ = server;
    const failures: ServiceError[] = [];
    let answered = 0;
    const refused = gate();
    const calls = Array.from({ length: 10_000 }, () =>
      ask(server.pruning, server.pruning.predict, PredictRequest.create({ predictorId: 'p' })).then(
        () => void (answered += 1),
        (error: unknown) => {
          failures.push(error as ServiceError);
          if (failures.length === 10_000 - 108) refused.open();
        },
      ),
    );
    await refused.opened;
    open();
    await Promise.all(calls);
    expect([answered, failures.length, mostAtOnce()]).toEqual([108, 9892, 8]);
    expect(new Set(failures.map(({ code }) => code))).toEqual(new Set([8]));
    const [failure] = failures as [ServiceError];
    expect(await failureOf(Promise.reject(failure))).toMatchObject({
      reason: 'OVERLOADED',
      retrySeconds: 1,
      metadata: { setting: 'maxQueuedCalls', limit: '100', subject: 'kind:predict' },
    });
    const [bytes] = failure.metadata.get('grpc-status-details-bin') as [Buffer];
    const detail = Status.decode(bytes).details.find(({ typeUrl }) => typeUrl.endsWith('google.rpc.QuotaFailure'));
    expect(QuotaFailure.decode(detail?.value ?? Buffer.alloc(0)).violations).toMatchObject([
      {
        subject: 'kind:predict',
        description: '100 calls wait to predict; maxQueuedCalls allows 100',
        apiService: 'prunecast',
        quotaId: 'maxQueuedCalls',
        quotaValue: 100n,
      },
    ]);
  }, 60_000);
});
