import { PairServiceService, type SamplePairsRequest } from '../../gen/prunecast/v1/pair.js';
import type { Jobs } from '../jobs/jobs.js';
import { startKind, type RunnableKind } from '../kinds/runnable-kind.js';
import { exportPairs } from '../pairs/export-pairs.js';
import { importPairs, type ImportServices } from '../pairs/import-pairs.js';
import type { SearchServices } from '../studies/study.js';
import { encodeJob } from '../records/job-records.js';
import { defineService, type RpcService } from './rpc-service.js';

export interface PairServices extends SearchServices, ImportServices {
  readonly kinds: { readonly samplePairs: RunnableKind<SamplePairsRequest> };
  readonly jobs: Jobs;
}

/** `PairService`: the paper's first step alone, and its results in and out. */
export function createPairService(services: PairServices): RpcService {
  const { kinds, jobs } = services;
  return defineService(PairServiceService, {
    samplePairs: async (request, context) => {
      const { jobId } = await startKind(jobs, kinds.samplePairs, request, {
        signal: context.signal,
        caller: context.caller,
        origin: context.origin,
        progress: () => undefined,
      });
      context.jobId = jobId;
      return { job: encodeJob(await jobs.get(jobId)) };
    },
    importPairs: (requests) => importPairs(services, requests),
    exportPairs: (request) => exportPairs(services, request),
  });
}
